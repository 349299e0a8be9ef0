"""The table `videos/` of an output, as it lies there: one object, which is replaced at one stroke.

So a reader of plain globs sees each video stream once, too. See `video_progress` for what is put.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from fleet.core.source import Source
from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import no_rows, to_bytes
from fleet.parquet.decoding import conform, decode
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import VIDEOS_TABLE
from fleet.table.parts.videos import videos_schema
from fleet.table.state.ownership import SCHEMA_PART

VIDEOS_OBJECT = f"{VIDEOS_TABLE}/videos.parquet"
_MARKER = f"{VIDEOS_TABLE}/{SCHEMA_PART}"
NUMBER_KEY = "fleet.manifest"
_FILLED = {"uri", "etag", "bytes", "status", "losses"}
PUT_ANEW = "Run the job's command again: it puts the table anew."


def has_video_table(folder: Folder, job: JobRecord) -> bool:
    """Return whether an output has this table: a run began it that knows of it.

    Before there was one, a job could have a table of this name.
    """
    return job.table != VIDEOS_TABLE and folder.exists(_MARKER)


@dataclass(frozen=True, eq=False)
class VideoTable:
    """The table as it lies in the output, whatever state it was composed of."""

    rows: pa.Table
    number: int = 0
    """The number of the manifest that it was composed of."""
    version: str | None = None
    """Which version of the object it is; None where there is none."""

    @cached_property
    def places(self) -> Mapping[tuple[str, str], int]:
        """Map the name and etag of each video of which an index was known to its row."""
        columns = (self.rows[name].to_pylist() for name in ("uri", "etag", "container"))
        rows = enumerate(zip(*columns, strict=True))
        return {(uri, etag): row for row, (uri, etag, container) in rows if container is not None}

    def knows(self, source: Source) -> bool:
        """Return whether it says what an index of this version of a video says."""
        return (name_of(source.uri), source.etag) in self.places


def read_video_table(folder: Folder, job: JobRecord) -> VideoTable:
    """Read the table; raises FileNotFoundError where there is none, OutputCorruptError."""
    data, version = folder.read_version(VIDEOS_OBJECT)
    try:
        return _parse(data, version, job.partitions)
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{VIDEOS_OBJECT} cannot be read: {error}.", PUT_ANEW
        ) from error


def known_videos(folder: Folder, job: JobRecord) -> VideoTable:
    """Return what the table says of videos; nothing where there is none, or it is damaged.

    It is a copy: what it says can be found out again.
    """
    schema = videos_schema(job.partitions)
    try:
        data, version = folder.read_version(VIDEOS_OBJECT)
    except FileNotFoundError:
        return VideoTable(no_rows(schema))
    try:
        return _parse(data, version, job.partitions)
    except ValueError:
        return VideoTable(no_rows(schema), version=version)


def _parse(data: bytes, version: str, pattern: str) -> VideoTable:
    rows, metadata = decode(data)
    schema = videos_schema(pattern)
    number = metadata.get(NUMBER_KEY, "")
    if not number.isdecimal():
        raise ValueError("it does not say of which manifest it is")
    return VideoTable(conform(rows, schema, set(schema.names) - _FILLED), int(number), version)


def name_of(uri: str) -> str:
    """Return how tables write a URI."""
    return to_bytes(uri).decode()
