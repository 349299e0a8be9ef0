"""Reading an output folder: its tables, as pyarrow datasets, while the job runs and after."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from fleet.core import html_view
from fleet.core.loss import Loss, LossReason
from fleet.errors import OutputCorruptError, StorageError, UsageError
from fleet.parquet.decoding import check_filled
from fleet.parquet.part_files import dataset_of
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import (
    ERRORS,
    ERRORS_TABLE,
    FRAMES,
    FRAMES_TABLE,
    IDENTITY,
    VIDEOS_TABLE,
)
from fleet.table.state.ownership import read_job, read_schema
from fleet.table.state.state import TableState, read_state
from fleet.table.state.video_table import has_video_table, read_video_table

if TYPE_CHECKING:
    import pyarrow.dataset as ds


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
    read_videos: Callable[[], pa.Table] | None = field(default=None, repr=False)
    """Reads the table of videos as it is then; None where the output has none."""

    def __repr__(self) -> str:
        state = "finished" if self.finished else "not finished"
        names = ", ".join(self.names)
        return f"Tables({self.uri}, {state}, leases committed: {self.leases:,}; {names})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the tables and their columns; no part is read for it."""
        state = "finished" if self.finished else "not finished"
        rows = [(name, ", ".join(dataset.schema.names)) for name, dataset in self.datasets.items()]
        rows += [(VIDEOS_TABLE, "what each video is; see docs/videos.md")] * bool(self.read_videos)
        title = f"{self.uri}: {state}, leases committed: {self.leases:,}"
        return html_view.table(title, ("table", "columns"), rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables, the job's own first."""
        return (*self.datasets, *([VIDEOS_TABLE] if self.read_videos else []))

    def table(self, name: str) -> ds.Dataset:
        """Return a table by its name; raises UsageError where there is none."""
        if name == VIDEOS_TABLE and self.read_videos:
            # Small, and replaced as a whole: what is opened now is read now.
            import pyarrow.dataset as ds  # noqa: PLC0415

            return ds.dataset(self.read_videos())
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

    @property
    def videos(self) -> ds.Dataset:
        """One row a video stream, with what is known of it; see docs/videos.md.

        In an output that is not finished: as it stood when a run last began or ended there.
        """
        return self.table(VIDEOS_TABLE)


def read(output: str) -> Tables:
    """Open an output folder, by path or URL.

    Only rows of committed leases are seen, each once, whatever is put there or brought into another
    shape meanwhile. Raises UsageError where it holds no output of Fleet.
    """
    folder = Folder(output)
    job = read_job(folder)
    if job is None:
        raise UsageError(
            f"{folder.uri} holds no output of Fleet: it has no _JOB.json.", "Check the path."
        )
    tables = open_tables(folder, job, read_state(folder, job.tables))
    if not has_video_table(folder, job):
        return tables
    return replace(tables, read_videos=lambda: read_video_table(folder, job).rows)


def open_tables(folder: Folder, job: JobRecord, state: TableState) -> Tables:
    """Return the tables of what an output holds, as `state` says."""
    parts = state.parts(job.tables)
    datasets = {
        table: dataset_of(folder, read_schema(folder, table, columns), parts[table])
        for table, columns in zip(job.tables, (IDENTITY, ERRORS, FRAMES), strict=True)
    }
    return Tables(folder.uri, job, state.closed, len(state), datasets)


def read_losses(errors: ds.Dataset) -> list[Loss]:
    """Read a table of errors row by row; of a file name that is no text, as the table has it."""
    columns = {item.name: pc.field(item.name) for item in fields(Loss)}
    times = {"start_pts", "end_pts", "start_s", "end_s"}
    table = read_rows(errors, columns, nullable={*times, "frames"})
    with damage_named():
        return [Loss(**row) for row in table.to_pylist()]


def count_losses(errors: ds.Dataset) -> tuple[LossReason, ...]:
    """Sum up a table of errors by stage and name, the most frequent first."""
    fields = {name: pc.field(name) for name in ("stage", "name", "frames", "message")}
    # Arrow's groups take no dictionaries.
    uri = pc.field("uri").cast(pa.string())
    table = read_rows(errors, {**fields, "uri": uri}, nullable={"frames"})
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


@dataclass(frozen=True)
class VideoLosses:
    """What one video has lost."""

    losses: int
    """How many rows it has in errors/."""
    frames: int | None
    """How many wanted frames they cost; None where that is not known of each."""
    message: str
    """What one of them says: the first one by the alphabet, however the rows lie."""


def losses_by_video(errors: ds.Dataset) -> dict[str, VideoLosses]:
    """Sum up a table of errors by video, as tables write its URI."""
    columns = {name: pc.field(name) for name in ("frames", "message")}
    uri = pc.field("uri").cast(pa.string())
    table = read_rows(errors, {**columns, "uri": uri}, nullable={"frames"})
    groups = table.group_by(["uri"], use_threads=False).aggregate(
        [("message", "count"), ("frames", "count"), ("frames", "sum"), ("message", "min")]
    )
    return {
        row["uri"]: VideoLosses(
            losses=row["message_count"],
            frames=row["frames_sum"] or 0 if row["frames_count"] == row["message_count"] else None,
            message=row["message_min"],
        )
        for row in groups.to_pylist()
    }


def read_rows(
    dataset: ds.Dataset,
    columns: Mapping[str, pc.Expression] | Sequence[str],
    only: pc.Expression | None = None,
    nullable: Collection[str] = (),
) -> pa.Table:
    """Read columns of a table, of some rows or of all.

    Raises OutputCorruptError for damage, and for a null in a column that is not `nullable`.
    """
    wanted = dict(columns) if isinstance(columns, Mapping) else list(columns)
    with damage_named():
        table = dataset.to_table(columns=wanted, filter=only)
        # Text that is none would be found only where it is used.
        table.validate(full=True)
        check_filled(table, nullable)
    return table


def scan_rows(
    dataset: ds.Dataset,
    columns: Mapping[str, pc.Expression] | Sequence[str],
    only: pc.Expression | None = None,
    on_batch: Callable[[], None] = lambda: None,
) -> Iterator[pa.RecordBatch]:
    """Yield columns of a table batch by batch, none of them empty; each is of one part.

    `__filename` is the part. `on_batch`: called for each batch, for those that are left out too; it
    ends the scan by what it raises. Raises OutputCorruptError for damage.
    """
    wanted = dict(columns) if isinstance(columns, Mapping) else list(columns)
    with damage_named():
        # Arrow reads 16 batches ahead of each of 4 parts, unless it is told otherwise.
        batches = dataset.to_batches(
            columns=wanted, filter=only, batch_readahead=2, fragment_readahead=4
        )
        for batch in batches:
            on_batch()
            batch.validate(full=True)
            if len(batch):
                yield batch


@contextmanager
def damage_named() -> Iterator[None]:
    """Raise OutputCorruptError, which names the way out, where Arrow cannot read rows."""
    try:
        yield
    except StorageError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise OutputCorruptError(
            f"Rows of the output cannot be read: {error}.",
            "`fleet verify` names what is damaged, with the way out.",
        ) from error
