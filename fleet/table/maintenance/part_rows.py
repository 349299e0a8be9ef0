"""The rows of a part, which may be others than its table's whatever vouches for it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from fleet.parquet.decoding import check_filled
from fleet.table.parts.schema import (
    ERRORS,
    ERRORS_TABLE,
    FRAMES,
    FRAMES_TABLE,
    IDENTITY,
    later_names,
)

_COLUMNS = {ERRORS_TABLE: ERRORS, FRAMES_TABLE: FRAMES}
_NULLABLE = frozenset({"start_pts", "end_pts", "start_s", "end_s", "frames"})


def check_part_rows(rows: pa.Table, table: str, names: Sequence[str] | None = None) -> None:
    """Raise ValueError where rows are not those of a part of a table.

    `names`: the columns that are looked at, of those that every part of it has; None for all. They
    must be there, with their types, and without nulls where no row has any.
    """
    known = _COLUMNS.get(table, IDENTITY)
    wanted = pa.schema([field for field in known if names is None or field.name in names])
    for field in wanted:
        at = rows.schema.get_field_index(field.name)
        if at < 0 or rows.schema.field(at).type != field.type:
            raise ValueError(f"its column {field.name} is no {field.type}")
    mine = rows.select(wanted.names)
    mine.validate(full=True)
    check_filled(mine, _NULLABLE)
    if "start_pts" in wanted.names and mine["start_pts"].is_null() != mine["end_pts"].is_null():
        raise ValueError("a loss has one end")


def less_later(schema: pa.Schema) -> pa.Schema:
    """Return a schema less the columns of LATER, which parts by an earlier version lack."""
    later = later_names(schema)
    return pa.schema([field for field in schema if field.name not in later])


def with_later(pieces: Sequence[pa.Table]) -> list[pa.Table]:
    """Return rows of one table with the same columns: where those of LATER are missing, nulls.

    An earlier version that joins a run writes parts without them.
    """
    schema = max((rows.schema for rows in pieces), key=len)
    return [rows if rows.schema.equals(schema) else _filled(rows, schema) for rows in pieces]


def _filled(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    there = set(rows.column_names)
    columns = [
        rows[field.name] if field.name in there else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
