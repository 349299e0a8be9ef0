"""JSON objects that somebody else may have written: each field is checked as it is taken out.

A reader such as `text` returns a value that is of its kind, and raises ValueError for any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from reprlib import repr as brief
from typing import Any, Self, TypeVar, get_type_hints

from fleet.core.json_text import read_json

LARGEST = 2**63 - 1
"""Numbers that are further from 0 than this are no numbers of a record."""
_SHOWN = 80
"""So many characters of a value are shown where it is refused."""
_Value = TypeVar("_Value")
_Kind = TypeVar("_Kind")
Reader = Callable[[object], _Value]
_REQUIRED: Any = object()


@dataclass(frozen=True)
class JsonObject:
    """The fields of a JSON object."""

    values: Mapping[str, Any]

    @classmethod
    def parse(cls, data: str | bytes) -> Self:
        """Read an object; raises ValueError for any other text."""
        return cls.of(read_json(data))

    @classmethod
    def of(cls, value: object) -> Self:
        """Return a value as an object; raises ValueError for any other value."""
        if isinstance(value, dict):
            return cls(value)
        raise _no(value, "object")

    def take(self, name: str, read: Reader[_Value], default: _Value = _REQUIRED) -> _Value:
        """Return a field; raises ValueError, naming it, where `read` refuses it or it is missing.

        `default`: stands for a field that may be missing.
        """
        if name not in self.values:
            if default is _REQUIRED:
                raise ValueError(f"it has no field {name}")
            return default
        try:
            return read(self.values[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def build(self, kind: Callable[..., _Kind], **known: Any) -> _Kind:
        """Return a dataclass made of the fields of the same names; other fields are left aside.

        `known`: fields that were read before. Raises ValueError where one is of another kind, or is
        missing and has no default.
        """
        found = {
            name: self.take(name, read)
            for name, (read, is_required) in _readers(kind).items()
            if name not in known and (is_required or name in self.values)
        }
        return kind(**found, **known)


def text(value: object) -> str:
    """Return a text."""
    if isinstance(value, str):
        return value
    raise _no(value, "text")


def flag(value: object) -> bool:
    """Return a yes or no."""
    if isinstance(value, bool):
        return value
    raise _no(value, "yes or no")


def integer(value: object) -> int:
    """Return an integer of 64 bits; a yes or no is none."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return value
    raise _no(value, "integer of 64 bits")


def number(value: object) -> float:
    """Return an integer or a float, not further from 0 than LARGEST."""
    # NaN compares as neither smaller nor larger.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return value
    raise _no(value, "number that can be counted with")


def items(value: object) -> list[Any]:
    """Return a list, whatever it holds."""
    if isinstance(value, list):
        return value
    raise _no(value, "list")


def several(read: Reader[_Value]) -> Reader[tuple[_Value, ...]]:
    """Return a reader of lists whose items `read` takes."""
    return lambda value: tuple(map(read, items(value)))


def named(read: Reader[_Value]) -> Reader[Mapping[str, _Value]]:
    """Return a reader of objects whose fields have any names, and values that `read` takes."""
    return lambda value: {name: read(of) for name, of in JsonObject.of(value).values.items()}


def optional(read: Reader[_Value]) -> Reader[_Value | None]:
    """Return a reader that also takes null."""
    return lambda value: None if value is None else read(value)


def _no(value: object, what: str) -> ValueError:
    return ValueError(f"{brief(value)[:_SHOWN]} is no {what}")


_BY_TYPE: Mapping[Any, Reader[Any]] = {
    str: text,
    bool: flag,
    int: integer,
    float: number,
    int | None: optional(integer),
    float | None: optional(number),
    tuple[str, ...]: several(text),
    Mapping[str, int]: named(integer),
    Mapping[str, float]: named(number),
}


@cache
def _readers(kind: Any) -> Mapping[str, tuple[Reader[Any], bool]]:
    """Map the fields of a dataclass to their readers, and to whether they have no default.

    Fields of other types have none: they have to be read before.
    """
    hints = get_type_hints(kind)
    return {
        item.name: (
            _BY_TYPE[hints[item.name]],
            item.default is MISSING and item.default_factory is MISSING,
        )
        for item in fields(kind)
        if hints[item.name] in _BY_TYPE
    }
