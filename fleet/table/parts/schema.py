"""What the tables hold: Arrow schemas, with each column's unit and meaning in its metadata."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa

from fleet.errors import UsageError
from fleet.table.parts.objects import check_columns, object_suffixes

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Text that repeats from row to row: a dictionary of strings."""
FROM_PATH = "taken from the video's location; null where it is not found there"
"""What a column of that kind is about."""
TABLE_NAME = "[a-z][a-z0-9_]*"
"""The pattern of a table's name, which is that of its folder."""
FRAMES_TABLE = "frames"
ERRORS_TABLE = "errors"
VIDEOS_TABLE = "videos"
OWN_TABLES = (FRAMES_TABLE, ERRORS_TABLE, VIDEOS_TABLE)
"""The tables that every output has; a job's table has another name."""


def column(name: str, kind: pa.DataType, unit: str, about: str) -> pa.Field:
    """Describe a column: its `unit` (empty where it has none) and what it is `about`."""
    return pa.field(name, kind, metadata={"unit": unit, "about": about})


_URI = column("uri", TEXT, "", "the video, as its location in storage")

IDENTITY = pa.schema(
    [
        _URI,
        column("frame", pa.int64(), "frames", "frame number in presentation order, from 0"),
        column("pts", pa.int64(), "ticks of the stream's time base", "presentation time stamp"),
        column("time_s", pa.float64(), "s", "time from the first frame of the video"),
    ]
)
"""The columns in front of every row that is about a frame."""

WALL_TIME = pa.schema(
    [
        column("time", pa.timestamp("us", "UTC"), "", "when it was, by a wall clock, in UTC"),
        column("clock", TEXT, "", "who says when the video starts: path, container; else null"),
    ]
)
"""Further columns of every table, behind those that say where in the video a row is.

A column of the job, or a group taken from the path, goes before one of the same name here.
"""

DECODED_BY = column("decoded_by", TEXT, "", "what decoded it: vdec, the chip's unit, or host")
"""A further column of frames/."""

_LATER = {field.name: field for field in [*WALL_TIME, DECODED_BY]}
LATER = frozenset(_LATER)
"""Columns that outputs begun by earlier versions lack, and go on without."""

DETECTIONS = pa.schema(
    [
        column("label", TEXT, "", "what was found, by the model's own list of labels"),
        column("class_id", pa.int32(), "", "the label's position in that list, from 0"),
        column("score", pa.float32(), "0..1", "how sure the model is"),
        column("x1", pa.float32(), "px", "left edge, in pixels of the source picture"),
        column("y1", pa.float32(), "px", "top edge, in pixels of the source picture"),
        column("x2", pa.float32(), "px", "right edge, in pixels of the source picture"),
        column("y2", pa.float32(), "px", "bottom edge, in pixels of the source picture"),
    ]
)
"""The columns of a job that finds objects."""

CLASSES = pa.schema(
    [
        column("rank", pa.int32(), "", "its place among the classes of its frame, from 1"),
        column("label", TEXT, "", "what the frame shows, by the model's own list of labels"),
        column("class_id", pa.int32(), "", "the label's position in that list, from 0"),
        column("score", pa.float32(), "", "how sure the model is; 0..1 where it is a probability"),
    ]
)
"""The columns of a job that classifies frames."""

INNER_DETECTIONS = pa.schema(
    [
        column("box", pa.int32(), "", "the number of the outer box among those of its frame"),
        *(field.with_name(f"box_{field.name}") for field in DETECTIONS),
        column("state", TEXT, "", "of the box: found, nothing; too small, too large, outside"),
        *DETECTIONS,
    ]
)
"""The columns of a job that finds objects inside boxes: the box, then the object, null for none."""

FRAMES = pa.schema(
    [
        *IDENTITY,
        column("rows", pa.int32(), "rows", "how many rows the job's table has of this frame"),
    ]
)
"""One row a processed frame: "nothing found" and "not looked at" differ."""

ERRORS = pa.schema(
    [
        _URI,
        column("start_pts", pa.int64(), "ticks of the stream's time base", "first pts lost"),
        column("end_pts", pa.int64(), "ticks of the stream's time base", "first pts not lost"),
        column("start_s", pa.float64(), "s", "where the lost stretch begins in the video"),
        column("end_s", pa.float64(), "s", "where the lost stretch ends in the video"),
        column("frames", pa.int64(), "frames", "wanted frames lost; null where unknown"),
        column("stage", pa.string(), "", "where it happened: fetch, index, vdec, job and so on"),
        column("code", pa.int64(), "", "the AscendCL error number, 0 where there is none"),
        column("name", pa.string(), "", "the error's name"),
        column("message", pa.string(), "", "what is wrong, as a sentence"),
    ]
)
"""One row a stretch of video that did not come out; the pts are null for a whole video."""


def later_names(schema: pa.Schema) -> list[str]:
    """List the columns of a table that are those of LATER, and not the job's of the same names."""
    return [
        field.name
        for field in schema
        if field.name in LATER and field.equals(_LATER[field.name], check_metadata=True)
    ]


def partition_names(pattern: str) -> tuple[str, ...]:
    """List the columns that `pattern` takes from a path: its named groups, in their order."""
    return tuple(re.compile(pattern).groupindex)


def columns_from_path(pattern: str, uri: str) -> dict[str, str | None]:
    """Read a video's partition columns from its URI: named group -> text.

    The pattern is searched for anywhere in the URI; None for each group where it is not found.
    """
    names = partition_names(pattern)
    found = re.search(pattern, uri) if names else None
    return found.groupdict() if found else dict.fromkeys(names)


def table_schema(columns: pa.Schema, pattern: str = "") -> pa.Schema:
    """Compose a job's table: identity, the job's columns, the columns taken from the path.

    Raises UsageError where two columns have one name.
    """
    return _with_partitions(pa.schema([*IDENTITY, *columns]), pattern)


def output_schemas(
    table: str, columns: pa.Schema, pattern: str = "", without: Collection[str] = ()
) -> dict[str, pa.Schema]:
    """Return the schemas of the tables that have parts, in the order in which a lease puts these.

    `without`: names of LATER that the output was begun without. Raises UsageError where `table` is
    no name for a table, or two columns have one name.
    """
    if not re.fullmatch(TABLE_NAME, table) or table in OWN_TABLES:
        raise UsageError(
            f"{table!r} cannot be the name of a job's table.",
            f"Use lower-case letters, digits and _, and none of {', '.join(OWN_TABLES)}.",
        )
    check_columns(table, object_suffixes(columns))
    later = {
        table: {"time_s": WALL_TIME},
        ERRORS_TABLE: {"end_s": WALL_TIME},
        FRAMES_TABLE: {"time_s": WALL_TIME, "rows": [DECODED_BY]},
    }
    own = {
        table: table_schema(columns, pattern),
        ERRORS_TABLE: _with_partitions(ERRORS, pattern),
        FRAMES_TABLE: _with_partitions(FRAMES, pattern),
    }
    return {name: _with_later(own[name], later[name], without) for name in own}


def _with_later(
    schema: pa.Schema, later: Mapping[str, Iterable[pa.Field]], without: Collection[str]
) -> pa.Schema:
    """Put further columns into a schema; `later`: behind which column which ones."""
    taken = {*schema.names, *without}
    fields = []
    for field in schema:
        fields.append(field)
        fields += [other for other in later.get(field.name, ()) if other.name not in taken]
    return pa.schema(fields)


def _with_partitions(schema: pa.Schema, pattern: str) -> pa.Schema:
    names = partition_names(pattern)
    whole = pa.schema([*schema, *(column(name, TEXT, "", FROM_PATH) for name in names)])
    twice = sorted({name for name in whole.names if whole.names.count(name) > 1})
    if twice:
        raise UsageError(
            f"Two columns of one table have the same name: {', '.join(twice)}.",
            f"{', '.join(IDENTITY.names)} are always there; rename the job's columns "
            "or the groups taken from the path.",
        )
    return whole
