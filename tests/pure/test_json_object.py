"""JSON that somebody else may have written: it becomes checked values, or a ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.json_object import (
    JsonObject,
    flag,
    integer,
    items,
    named,
    number,
    optional,
    several,
    text,
)
from fleet.core.json_text import MOST_LEVELS, read_json

READERS = (text, flag, integer, number, items, several(text), named(number), optional(integer))


@dataclass(frozen=True)
class Record:
    """A value that is read."""

    name: str
    count: int
    share: float = 0.5
    left_s: float | None = None
    inputs: tuple[str, ...] = ()
    busy: Mapping[str, float] = field(default_factory=dict)


WHOLE: dict[str, Any] = {
    "name": "a",
    "count": 1,
    "share": 2,
    "left_s": None,
    "inputs": ["b"],
    "busy": {"c": 0.5},
}


@pytest.mark.parametrize(
    "written",
    [
        "",
        "{",
        b"\xff",
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        "1e400",
        "[" * 100_000,
        "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1),
        '{"a":' * (MOST_LEVELS + 1) + "1" + "}" * (MOST_LEVELS + 1),
        "1" * 5000,
    ],
)
def test_what_is_no_json_is_refused(written: str | bytes) -> None:
    """With one kind of error."""
    with pytest.raises(ValueError, match=r"^.+$"):
        read_json(written)


def test_values_may_lie_in_each_other_as_deep_as_records_do() -> None:
    """And no deeper than is said."""
    value = read_json("[" * MOST_LEVELS + "]" * MOST_LEVELS)
    for _ in range(MOST_LEVELS - 1):
        (value,) = value
    assert value == []


def test_a_record_is_read_by_its_fields() -> None:
    """Those that are missing have their default; others are left aside."""
    assert JsonObject(WHOLE).build(Record) == Record("a", 1, 2, None, ("b",), {"c": 0.5})
    short = {"name": "a", "count": 1, "unknown": 1}
    assert JsonObject(short).build(Record, share=0.1) == Record("a", 1, 0.1)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": 1},
        {"name": None},
        {"count": True},
        {"count": 1.0},
        {"count": 2**63},
        {"count": "1"},
        {"share": float("nan")},
        {"share": float("inf")},
        {"share": 2**80},
        {"left_s": "soon"},
        {"inputs": "b"},
        {"inputs": {"b": 1}},
        {"inputs": [1]},
        {"busy": []},
        {"busy": {"c": None}},
    ],
)
def test_a_field_of_another_kind_is_named(changed: dict[str, Any]) -> None:
    """So that people know where to look."""
    with pytest.raises(ValueError, match=next(iter(changed))):
        JsonObject({**WHOLE, **changed}).build(Record)


@pytest.mark.parametrize("name", ["name", "count"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    """Where it has no default."""
    with pytest.raises(ValueError, match=f"no field {name}"):
        JsonObject({field: of for field, of in WHOLE.items() if field != name}).build(Record)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_reader_returns_a_value_as_it_is_or_refuses_it(value: Any) -> None:
    """Whatever it is, and with a message that is not as long as the value may be."""
    for read in READERS:
        said, found = "", value
        try:
            found = read(value)
        except ValueError as error:
            said = str(error)
        assert len(said) < 200
        assert said or found == (tuple(value) if isinstance(found, tuple) else value)
