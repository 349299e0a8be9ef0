"""Read the truth: Parquet in the schema of detections/, with an optional column `ignore`."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fleet.errors import UsageError
from fleet.parquet.arrow_threads import native_buffer
from fleet.storage import Folder, read_file

BOX = ("x1", "y1", "x2", "y2")
NEEDED = {
    "uri": pa.string(),
    "frame": pa.int64(),
    "label": pa.string(),
    **{name: pa.float64() for name in BOX},
}
"""Columns that must be there, and their types; score is not read: the truth is certain."""
OPTIONAL = {"ignore": pa.bool_(), "light": pa.string(), "camera": pa.string()}
"""Columns that may be there."""


def read_truth(uri: str) -> pa.Table:
    """Read a Parquet file, or a folder of them, by path or URL; dictionaries become plain text.

    Without a column `ignore` nothing is ignored. Raises UsageError where there is no such file,
    where a column is missing or has nulls, and where a box has no area.
    """
    parts = [_fitted(_parquet(data, name), name) for name, data in _parts(uri)]
    shared = set.intersection(*(set(part.column_names) for part in parts))
    names = [name for name in (*NEEDED, *OPTIONAL) if name in shared]
    table = pa.concat_tables([part.select(names) for part in parts])
    _check_boxes(table, uri)
    return table


def _parts(uri: str) -> list[tuple[str, bytes]]:
    if uri.lower().endswith(".parquet"):
        return [(uri, read_file(uri))]
    folder = Folder(uri)
    names = [
        entry.name
        for entry in folder.list()
        if entry.name.endswith(".parquet")
        and not entry.name.rpartition("/")[2].startswith((".", "_"))
    ]
    if not names:
        raise UsageError(
            f"{uri} holds no truth: there is no .parquet file.",
            "Give a Parquet file, or a folder of them, in the schema of detections/.",
        )
    return [(f"{folder.uri}/{name}", folder.read(name)) for name in names]


def _parquet(data: bytes, name: str) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(native_buffer(data)))
    except pa.ArrowException as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{name} is not Parquet: {reason}", "Check the path.") from None


def _fitted(table: pa.Table, name: str) -> pa.Table:
    missing = [column for column in NEEDED if column not in table.column_names]
    if missing:
        raise UsageError(
            f"The truth in {name} has no column {', '.join(missing)}.",
            "The truth has the columns of detections/, and may have ignore, light and camera.",
        )
    columns = {}
    for column, kind in (NEEDED | OPTIONAL).items():
        if column in table.column_names:
            columns[column] = _cast(table[column], kind, column, name)
    columns.setdefault("ignore", pa.chunked_array([pa.repeat(pa.scalar(False), len(table))]))
    return pa.table(columns)


def _cast(values: pa.ChunkedArray, kind: pa.DataType, column: str, name: str) -> pa.ChunkedArray:
    try:
        cast = values.cast(kind)
    except pa.ArrowException as error:
        message = f"The column {column} of {name} is {values.type}, not {kind}: {error}."
        raise UsageError(message, "Write it as detections/ has it.") from None
    if cast.null_count and column not in {"light", "camera"}:
        message = f"The column {column} of {name} is null in {cast.null_count:,} rows."
        raise UsageError(message, "Fill it in, or leave these rows out.")
    return cast


def _check_boxes(table: pa.Table, uri: str) -> None:
    sound = pc.and_(pc.greater(table["x2"], table["x1"]), pc.greater(table["y2"], table["y1"]))
    flat = len(table) - (pc.sum(sound).as_py() or 0)
    if flat:
        raise UsageError(
            f"{flat:,} boxes of the truth {uri} have no area.", "x2 is above x1, y2 above y1."
        )
