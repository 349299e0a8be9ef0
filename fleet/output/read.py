"""Reading an output folder: its tables, as pyarrow datasets, while the job runs and after."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fleet.errors import OutputCorrupt, StorageError, UsageError
from fleet.output.claim import SCHEMA_PART, read_job
from fleet.output.finish import is_finished
from fleet.output.loss import LossReason
from fleet.output.record import JobRecord, lease_of
from fleet.output.schema import ERRORS_TABLE, FRAMES_TABLE
from fleet.storage import Entry, Folder


@dataclass(frozen=True, eq=False)
class Tables:
    """An output folder's tables, of the leases that were committed when it was opened.

    `finished`: everything that was wanted is there. `leases`: how many are committed.
    """

    uri: str
    job: JobRecord
    finished: bool
    leases: int
    datasets: Mapping[str, ds.Dataset] = field(repr=False)

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        names = ", ".join(self.names)
        return f"Tables({self.uri}, {state}, leases committed: {self.leases:,}; {names})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables, the job's own first."""
        return tuple(self.datasets)

    def table(self, name: str) -> ds.Dataset:
        """Give a table by its name; raises UsageError where there is none."""
        if name not in self.datasets:
            raise UsageError(f"{self.uri} has no table {name}.", f"It has {', '.join(self.names)}.")
        return self.datasets[name]

    @property
    def detections(self) -> ds.Dataset:
        """What a detector found; one row a box."""
        return self.table("detections")

    @property
    def frames(self) -> ds.Dataset:
        """One row a frame that was looked at."""
        return self.table(FRAMES_TABLE)

    @property
    def errors(self) -> ds.Dataset:
        """One row a stretch of video that did not come out."""
        return self.table(ERRORS_TABLE)


def read(output: str) -> Tables:
    """Open an output folder, by path or URL.

    Only rows of committed leases are seen. Raises UsageError where it holds no output of Fleet.
    """
    folder = Folder(output)
    job = read_job(folder)
    if job is None:
        raise UsageError(
            f"{folder.uri} holds no output of Fleet: it has no _JOB.json.", "Check the path."
        )
    finished = is_finished(folder)
    # Frames are listed first: the other parts of each lease found here were put before.
    listed = {table: list(folder.list(f"{table}/")) for table in reversed(job.tables)}
    leases = {lease for entry in listed[FRAMES_TABLE] if (lease := lease_of(entry.name))}
    datasets = {}
    for table in job.tables:
        parts = [entry for entry in listed[table] if lease_of(entry.name) in leases]
        datasets[table] = _dataset(folder, _read_schema(folder, table), parts)
    return Tables(folder.uri, job, finished, len(leases), datasets)


def _read_schema(folder: Folder, table: str) -> pa.Schema:
    name = f"{table}/{SCHEMA_PART}"
    try:
        return pq.read_schema(pa.BufferReader(folder.read(name)))
    except (FileNotFoundError, pa.ArrowException) as error:
        raise OutputCorrupt(
            f"{folder.uri}/{name} does not give the table's columns: {error!r}.",
            "Run the same command again: it puts this object where it is missing.",
        ) from error


def _dataset(folder: Folder, schema: pa.Schema, parts: list[Entry]) -> ds.Dataset:
    kind = ds.ParquetFileFormat()
    fragments = [kind.make_fragment(pa.PythonFile(_Ranged(folder, part), "r")) for part in parts]
    return ds.FileSystemDataset(fragments, schema, kind)


class _Ranged(io.RawIOBase):
    """An object of a folder as a file: each read is one ranged read, nothing is kept."""

    def __init__(self, folder: Folder, entry: Entry) -> None:
        super().__init__()
        self._folder = folder
        self._entry = entry
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.bytes}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._entry.bytes - self._at)
        length = left if size is None or size < 0 else min(size, left)
        data = self._folder.read_range(self._entry.name, self._at, length) if length else b""
        if len(data) != length:
            raise StorageError(f"{self._folder.uri}/{self._entry.name} has changed meanwhile.")
        self._at += length
        return data


def count_losses(errors: ds.Dataset) -> tuple[LossReason, ...]:
    """Sum up a table of errors by stage and name, the most frequent first."""
    fields = {name: ds.field(name) for name in ("stage", "name", "frames", "message")}
    # Arrow's groups take no dictionaries.
    table = errors.to_table(columns={**fields, "uri": ds.field("uri").cast(pa.string())})
    groups = table.group_by(["stage", "name"], use_threads=False).aggregate(
        [("uri", "count"), ("frames", "sum"), ("uri", "first"), ("message", "first")]
    )
    reasons = [
        LossReason(
            stage=row["stage"],
            name=row["name"],
            losses=row["uri_count"],
            frames=row["frames_sum"] or 0,
            uri=row["uri_first"],
            message=row["message_first"],
        )
        for row in groups.to_pylist()
    ]
    return tuple(sorted(reasons, key=lambda reason: (-reason.losses, reason.stage, reason.name)))
