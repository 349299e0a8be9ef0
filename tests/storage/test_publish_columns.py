"""The columns of a Delta table: types that Delta has, and one that is added."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from fleet.errors import UsageError
from fleet.table.published.data_files import DataFile
from fleet.table.published.delta_log import (
    Snapshot,
    next_version,
    replay,
    schema_text,
)


def test_a_column_that_delta_has_no_type_for_is_named() -> None:
    """Unsigned numbers, for one; lists of what it has are taken."""
    text = schema_text(pa.schema([("found", pa.list_(pa.float32()))]), "crops")
    assert json.loads(text)["fields"][0]["type"]["elementType"] == "float"
    with pytest.raises(UsageError, match="no type for the column count of crops: uint32"):
        schema_text(pa.schema([("count", pa.uint32())]), "crops")


def test_a_column_more_is_a_new_schema_of_the_same_table() -> None:
    """Its id and its files stay."""
    one, two = (pa.schema([("a", pa.int64()), ("b", pa.string())][:n]) for n in (1, 2))
    files = [DataFile("part one.parquet", 10, 1)]
    told = {"table": "t", "job": "ab", "number": 1, "now_ms": 5}
    first = next_version(Snapshot(), files, one, **told)  # type: ignore[arg-type]
    assert first is not None
    before = replay({0: first})
    assert before.paths == {"part one.parquet"}
    second = next_version(before, files, two, **told)  # type: ignore[arg-type]
    assert second is not None
    after = replay({0: first, 1: second})
    assert after.paths == before.paths
    assert after.metadata["id"] == before.metadata["id"]
    assert len(json.loads(after.schema)["fields"]) == 2
