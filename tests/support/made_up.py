"""Made-up batches, detections and committed leases, for tests of what is written and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np

from fleet.ascend.surface import Surface
from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.frames import Colour, Detections, FrameBatch, Picture, Rows
from fleet.core.geometry import Size
from fleet.core.interval import Interval, LeaseNames
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.storage import Folder
from fleet.table.commits.manifest import read_manifest
from fleet.table.commits.pack import pack_number, pack_of
from fleet.table.commits.record import CommitRecord, JobRecord, Origin
from fleet.table.commits.record_rows import records_of
from fleet.table.maintenance.close import Covering
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS, output_schemas
from fleet.table.state.ownership import claim
from fleet.table.state.state import TableState
from fleet.table.table import Table

LABELS = ("person", "car", "dog")
JOB = JobRecord("ab" * 32, "detections", {"params": {"threshold": "0.4"}, "sample": "all"})
ORIGIN = Origin(JOB.digest, "Ascend310", {"detector": "cd" * 32})
SCHEMAS = output_schemas(JOB.table, DETECTIONS)


class _NoMemory:
    def free(self) -> None:
        """Nothing is held."""


_SURFACE = Surface(av.VideoFrame(16, 16, "yuv420p"))


def batch_of(uri: str, frames: Sequence[int]) -> FrameBatch:
    """Make a batch of tiny pictures at 25 frames a second."""
    numbers = np.array(frames, np.int64)
    pictures = tuple(
        Picture(Size(16, 16), 16, 16, Colour(), row, _SURFACE, _NoMemory())
        for row in range(len(frames))
    )
    return FrameBatch(uri, pictures, numbers, numbers * 512, Fraction(1, 12800), 0)


def detections_of(picture: Sequence[int], classes: Sequence[int]) -> Rows:
    """Make a row a box, each with numbers of its own."""
    count = len(picture)
    return Detections(
        np.array(picture, np.int32),
        np.arange(4 * count, dtype=np.float32).reshape(count, 4),
        np.linspace(0.5, 1, count, dtype=np.float32),
        np.array(classes, np.int32),
        LABELS,
    ).rows()


def builder_of(uri: str, frames: Sequence[int], found: int = 1) -> PartBuilder:
    """Gather frames of one video, `found` boxes in each."""
    builder = PartBuilder(JOB.table, DETECTIONS)
    if frames:
        picture = np.repeat(np.arange(len(frames)), found).tolist()
        classes = [n % len(LABELS) for n in range(len(picture))]
        builder.add_batch(batch_of(uri, frames), detections_of(picture, classes))
    return builder


def claimed(folder: Folder) -> Folder:
    """Take a folder for JOB."""
    claim(folder, JOB, SCHEMAS)
    return folder


def table_of(folder: Folder, job: JobRecord = JOB, clock: Clock = SYSTEM_CLOCK) -> Table:
    """The door to a folder in a store with conditional puts, without pauses."""
    return Table(folder, job, clock=clock, pause_s=0, conditional=True)


def begun(
    folder: Folder, versions: dict[str, str] | None = None, job: JobRecord = JOB
) -> TableState:
    """Take the output over for a run, and return what it holds."""
    return table_of(folder, job).begin_epoch(versions or {})


def closed(folder: Folder, committed: Sequence[Covering] = ()) -> Tally:
    """Close the output, in the epoch that it is in; begin one where there is none."""
    table = table_of(folder)
    state = table.state()
    if not state.manifest.number:
        state = table.begin_epoch({})
    return table.close(committed, state.manifest.epoch)


def commit_lease(
    folder: Folder,
    uri: str,
    frames: range,
    *,
    found: int = 1,
    etag: str = "v1",
    loss: Loss | None = None,
    epoch: int | None = None,
    device: str = "npu/0",
    clock: Clock = SYSTEM_CLOCK,
) -> Receipt:
    """Commit a lease over the frames of one stretch of a video, in the epoch of the output."""
    interval = Interval(uri, etag, frames.start * 512, frames.stop * 512)
    builder = builder_of(uri, frames, found)
    if loss is not None:
        builder.add_error(loss)
    tally = replace(builder.tally(), video_s=len(frames) / 25)
    table = table_of(folder, clock=clock)
    of_epoch = _epoch(folder) if epoch is None else epoch
    names = LeaseNames(JOB.digest, of_epoch)
    return table.writer(ORIGIN, device).commit(
        names([interval]), [interval], builder.tables(), tally
    )


def _epoch(folder: Folder) -> int:
    names = [entry.name for entry in folder.list("_done/")]
    packs = (pack_number(pack) for name in names if (pack := pack_of(name)))
    return read_manifest(folder, names, max(packs, default=0)).epoch


def records_in(folder: Folder) -> list[CommitRecord]:
    """Read the records of what is committed and counts."""
    return list(records_of(table_of(folder).state().records))


def receipts_in(folder: Folder) -> list[Receipt]:
    """Read its receipts."""
    return [record.receipt for record in records_in(folder)]
