"""Heads of a user's own: classes in a job's module, each registered by one line above it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.errors import JobCodeError, UsageError
from fleet.models.heads import READERS
from fleet.models.heads.head import Candidates, Head

HeadClass = TypeVar("HeadClass", bound=type[Head])
NAME = "[a-z][a-z0-9_-]*"
"""The pattern of a head's name."""
_LISTED = "a list with the Candidates of each picture"


def head(name: str) -> Callable[[HeadClass], HeadClass]:
    """Register a class derived from `Head` as the head of that name, for the jobs of its module.

    `fleet compile --head FILE.py:NAME` compiles a network for it. Raises UsageError where a head of
    Fleet has the name, or the class cannot be made without arguments.
    """
    if not re.fullmatch(NAME, name):
        way_out = "Use lower-case letters, digits, - and _, a letter first."
        raise UsageError(f"{name!r} cannot be the name of a head.", way_out)
    if name in READERS:
        message = f"There is a head {name!r} in Fleet."
        raise UsageError(message, f"Choose a name that is none of: {', '.join(sorted(READERS))}.")

    def register(made: HeadClass) -> HeadClass:
        _check_class(made, name)
        made.registered_as = name
        return made

    return register


def heads_in(namespace: Mapping[str, object]) -> dict[str, Head]:
    """Return the heads that a module defines or imports, by name.

    Raises UsageError where two classes are registered by one name.
    """
    found: dict[str, type[Head]] = {}
    for value in namespace.values():
        # A class that derives from a registered one is not registered by that.
        name = vars(value).get("registered_as") if isinstance(value, type) else None
        if not name or not issubclass(value, Head):  # type: ignore[arg-type]
            continue
        other = found.setdefault(name, value)  # type: ignore[arg-type]
        if other is not value:
            classes = f"{other.__qualname__} and {value.__qualname__}"  # type: ignore[attr-defined]
            message = f"The head {name!r} is registered twice: as {classes}."
            raise UsageError(message, "Give one of them another name.")
    return {name: made() for name, made in sorted(found.items())}


def decode(
    reader: Head,
    outputs: Sequence[NDArray[np.float32]],
    canvas: Size,
    threshold: float,
    pictures: int,
) -> list[Candidates]:
    """Return the boxes of each picture, as the head decodes them.

    Raises JobCodeError where a user's own head does not return what a head returns: it has no tests
    of ours.
    """
    found = reader.decode(outputs, canvas, threshold)
    if not reader.registered_as:
        return found
    name = reader.registered_as
    kind = type(found).__name__
    if not isinstance(found, list) or not all(isinstance(one, Candidates) for one in found):
        listed = sorted({type(one).__name__ for one in found}) if isinstance(found, list) else []
        inside = f" of {', '.join(listed)}" if listed else ""
        _refuse(name, f"a {kind}{inside}, and {_LISTED} is needed")
    if len(found) != pictures:
        _refuse(name, f"Candidates of {len(found)} pictures, and there are {pictures}")
    return [_checked(name, one) for one in found]


def _check_class(made: type[Head], name: str) -> None:
    if not isinstance(made, type) or not issubclass(made, Head):
        way_out = "Write it above a class that derives from fleet.Head."
        raise UsageError(f"The head {name!r} is no class derived from Head: {made!r}.", way_out)
    try:
        reader = made()
    except TypeError as error:
        message = f"The head {name!r} cannot be made: {error}."
        way_out = "Give it a method decode, and each field a default."
        raise UsageError(message, way_out) from error
    for item in fields(reader):
        # A class attribute that is no field of its own is not what the instance has.
        if getattr(made, item.name, getattr(reader, item.name)) is not getattr(reader, item.name):
            message = f"The head {name!r} sets {item.name} without a type, which changes nothing."
            way_out = (
                f"Write {item.name}: {item.type} = ..., in a class with @dataclass(frozen=True)."
            )
            raise UsageError(message, way_out)


def _checked(name: str, found: Candidates) -> Candidates:
    """Return boxes in the types that they have everywhere else."""
    xyxy, score, class_id = (
        np.asarray(values) for values in (found.xyxy, found.score, found.class_id)
    )
    count = len(score) if score.ndim == 1 else -1
    if xyxy.shape != (count, 4) or class_id.shape != (count,):
        shapes = f"xyxy {list(xyxy.shape)}, score {list(score.shape)}"
        shapes += f", class_id {list(class_id.shape)}"
        _refuse(name, f"{shapes}, and they are [n, 4], [n] and [n]")
    if class_id.dtype.kind not in "iu" or not {xyxy.dtype.kind, score.dtype.kind} <= set("fiu"):
        kinds = f"xyxy of {xyxy.dtype}, score of {score.dtype}, class_id of {class_id.dtype}"
        _refuse(name, f"{kinds}, and classes are whole numbers, the others numbers")
    if not (np.isfinite(xyxy).all() and np.isfinite(score).all()):
        _refuse(name, "boxes or scores that are not finite")
    return Candidates(xyxy.astype(np.float32), score.astype(np.float32), class_id.astype(np.int32))


def _refuse(name: str, what: str) -> None:
    raise JobCodeError(f"The head {name!r} returned {what}.", "Correct its decode.")
