"""Fields of a job file, written and read back."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import UsageError
from fleet.submit.toml_writer import to_toml

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_ONE = st.one_of(
    *(_TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
)
_VALUE: st.SearchStrategy[Any] = st.recursive(
    _ONE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_TEXT, _VALUE, max_size=6))
def test_what_is_written_reads_back_as_it_was(fields: dict[str, Any]) -> None:
    """Any fields that TOML can hold, quotes and control characters and all."""
    assert tomllib.loads(to_toml(fields)) == fields


def test_a_job_file_is_written_a_line_a_field() -> None:
    """So that people can read what was sent."""
    fields = {"job": "detect.py:Detect", "input": ["s3://b/a"], "params": {"threshold": 0.4}}
    assert to_toml(fields) == (
        '"job" = "detect.py:Detect"\n"input" = ["s3://b/a"]\n"params" = {"threshold" = 0.4}\n'
    )


def test_what_toml_cannot_hold_is_refused() -> None:
    """None is no value of TOML."""
    with pytest.raises(UsageError, match="NoneType"):
        to_toml({"moment": None, "since": datetime(2026, 1, 1, tzinfo=UTC)})
