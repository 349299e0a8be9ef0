"""The videos of a world: what their indexes tell, which of their GOPs are damaged, what a run does.

Frame n of a video has pts 512 n. Looking at a video always succeeds, unless it is one that is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import pyarrow as pa
from indexes import index_of
from made_up import JOB, batch_of, detections_of

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.frames import FrameBatch, Rows
from fleet.core.interval import Interval
from fleet.core.loss import Loss
from fleet.core.receipt import Tally
from fleet.core.source import Source
from fleet.device import Device
from fleet.driver.preparing.listed import Listed
from fleet.driver.preparing.path_columns import PathCheck
from fleet.driver.preparing.prepared import Prepared, Refusal
from fleet.driver.session import Session
from fleet.driver.target.identity import JobIdentity
from fleet.driver.target.target import Inputs, JobTarget
from fleet.errors import JobCodeError, NotAVideoError
from fleet.job.frame_job import FrameJob
from fleet.job.job import Job
from fleet.plan.cost import CostModel
from fleet.plan.shard import video_work
from fleet.storage import Folder, Listing
from fleet.table.commits.record import JobRecord
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS
from fleet.table.state.video_manifest import Video
from fleet.table.table import Table
from fleet.video.index import VideoIndex
from fleet.video.start import NO_START

TICKS = 512
FRAMES_A_GOP = 3
GOPS = {"a": 3, "b": 4, "c": 2}
REFUSED = "x"
FAILED = JobCodeError.name
"""The name of a loss that the job's own code came to."""
Damage = Literal["loses", "kills", "raises"]
Hurt = tuple[str, int, Damage]
"""A GOP that goes wrong: its video, its number, and how: decoding loses its frames or ends the
process, or the job's own code raises something."""
MENDED = replace(JOB, digest="ef" * 32, fields={**JOB.fields, "code": "mended"})
"""The same job, once its code has been mended."""


@dataclass(frozen=True)
class MadeUpJob(FrameJob):
    """A job whose workers are made up."""

    table = JOB.table
    schema = DETECTIONS

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Never be called."""
        raise NotImplementedError


@dataclass(frozen=True)
class Archive:
    """The videos as a run finds them."""

    etags: tuple[tuple[str, str], ...]
    """The version of each video."""
    hurt: tuple[Hurt, ...] = ()
    look_s: float = 0.0
    """How long looking at a video takes, but for those for which a run waits."""
    lists_on: bool = False
    """Whether a run begins before it knows all videos, where it may: each window tells of one."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """The videos, by URI."""
        return tuple(Source(uri, 9000, etag) for uri, etag in sorted(self.etags))

    def wanted(self) -> dict[tuple[str, str], int]:
        """Return the frames of each version of a video, a bit each."""
        return {(uri, etag): (1 << frames_of(uri)) - 1 for uri, etag in self.etags}

    def damaged(self, uri: str) -> int:
        """Return the damaged frames of a video, a bit each."""
        if uri == REFUSED:
            return -1
        gops = (number for name, number, _ in self.hurt if name == uri)
        return sum(((1 << FRAMES_A_GOP) - 1) << FRAMES_A_GOP * number for number in gops)

    @property
    def mended(self) -> Archive:
        """The same, for a job whose code has been mended."""
        return replace(self, hurt=tuple(hurt for hurt in self.hurt if hurt[2] != "raises"))

    def hurt_in(self, interval: Interval, damage: Damage) -> list[int]:
        """Return the GOPs in a stretch that are damaged in some way."""
        frames = frames_in(interval)
        return [
            gop
            for uri, gop, how in self.hurt
            if (uri, how) == (interval.uri, damage) and gop * FRAMES_A_GOP in frames
        ]


def frames_in(interval: Interval) -> range:
    """Return the frames in a stretch of a video; of all of it, whatever its length."""
    return range(max(interval.start_pts, 0) // TICKS, min(-(-interval.end_pts // TICKS), 64))


def frames_of(uri: str) -> int:
    """Return how many frames a video has."""
    return GOPS.get(uri, 0) * FRAMES_A_GOP


@cache
def index_for(source: Source) -> VideoIndex:
    """Return the index of a video."""
    gops, frames = GOPS[source.uri], frames_of(source.uri)
    ticks = [TICKS * number for number in range(frames)]
    return replace(index_of([(0, FRAMES_A_GOP - 1)] * gops, ticks), source=source)


class MadeUpSession(Session):
    """What earlier runs left, with made-up videos to look at."""

    def prepare_in_windows(
        self, on_progress: Callable[[int], None] = lambda _: None, clock: Clock = SYSTEM_CLOCK
    ) -> Generator[Prepared, None, None]:
        """See Session; each video is a window of its own, and puts are tried once."""
        del on_progress, clock
        yield from self.keep_each(self._made_up(), lambda: ())

    def _made_up(self) -> Iterator[Prepared]:
        inputs = self.target.inputs
        if inputs is None:
            sources = self.target.listing.sources
            for to_look, source in zip(reversed(range(len(sources))), sources, strict=True):
                yield self._seen(source, to_look)
            return
        for source in filter(None, inputs.listed.names()):
            yield replace(self._seen(source, 0), lists_on=not inputs.listed.is_whole)

    def _seen(self, source: Source, to_look: int) -> Prepared:
        """Return the window that a video is."""
        if source.uri == REFUSED:
            refusal = Refusal(source, NotAVideoError(source.uri, "it is none"))
            video = Video(source.uri, source.bytes, source.etag, refused=True)
            return Prepared((), (refusal,), (video,), looked_at=1, to_look=to_look)
        index = index_for(source)
        wanted = np.ones(frames_of(source.uri), np.bool_)
        work = video_work(index, wanted, self.state.done, CostModel())
        start, end = int(index.bounds[0]), int(index.bounds[-1])
        length_s = index.duration_s
        video = Video(source.uri, source.bytes, source.etag, start, end, length_s, len(wanted))
        works = (work,) if work.todo.any() else ()
        return Prepared(works, (), (video,), looked_at=1, to_look=to_look)


class ListedOn(Listed):
    """Videos of which each is listed when the plan comes to it."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self._known = list(sources)
        self._told, self._come = 0, 1

    def __len__(self) -> int:
        """See Listed."""
        return self._come

    @property
    def is_whole(self) -> bool:
        """See Listed."""
        return self._come == len(self._known)

    @property
    def open_inputs(self) -> tuple[str, ...]:
        """See Listed."""
        return () if self.is_whole else ("in/",)

    def names(self) -> Iterator[Source | None]:
        """See Listed."""
        for number, source in enumerate(self._known, 1):
            self._come = number
            yield source

    def unnamed(self) -> list[Source]:
        """See Listed."""
        some, self._told = self._known[self._told : self._come], self._come
        return some

    def rest(self) -> Listing:
        """See Listed."""
        return Listing(tuple(self._known))


class Indexes:
    """The kept indexes, for `fleet requeue`; see IndexStore."""

    def find(self, source: Source) -> VideoIndex | None:
        """Return what is known of a video."""
        return index_for(source) if source.uri in GOPS else None

    def add(self, source: Source, entry: None) -> None:
        """Forget a video: looking at it again costs nothing here."""

    def flush(self) -> None:
        """Write nothing."""


def target_of(
    archive: Archive, output: str, table: Callable[[Folder], Table], job: JobRecord = JOB
) -> JobTarget:
    """Return the job over the videos of an archive; `table` opens the output."""
    identity = JobIdentity(job, {}, {})
    target = JobTarget(_job(output), identity, table(Folder(output)), Listing(()))
    if archive.lists_on:
        inputs = Inputs(ListedOn(archive.sources), PathCheck("", NO_START, {}))
        return replace(target, inputs=inputs)
    return replace(target, listing=Listing(archive.sources))


@cache
def _job(output: str) -> Job:
    return Job(MadeUpJob(), "videos", output, lease_s=0.05)


@cache
def rows_of(
    intervals: tuple[Interval, ...], lost: tuple[Hurt, ...], variant: int
) -> tuple[dict[str, pa.Table], Tally]:
    """Return what a worker makes of some stretches, and counts.

    `lost`: GOPs whose frames are lost, and how. `variant`: devices differ in the last bits of a score.
    """
    builder = PartBuilder(JOB.table, DETECTIONS)
    for interval in intervals:
        gops = {gop: how for uri, gop, how in lost if uri == interval.uri}
        span = frames_in(interval)
        frames = [frame for frame in span if frame // FRAMES_A_GOP not in gops]
        if frames:
            rows = detections_of(range(len(frames)), [variant] * len(frames))
            builder.add_batch(batch_of(interval.uri, frames), rows)
        for gop in sorted(gops.keys() & {frame // FRAMES_A_GOP for frame in span}):
            builder.add_error(_loss(interval.uri, gop, gops[gop]))
    seconds = sum(i.end_pts - i.start_pts for i in intervals) / TICKS / 25
    return builder.tables(), replace(builder.tally(), video_s=seconds)


def _loss(uri: str, gop: int, how: Damage) -> Loss:
    start, end = gop * FRAMES_A_GOP, (gop + 1) * FRAMES_A_GOP
    stage, name = ("job", FAILED) if how == "raises" else ("vdec", "BrokenVideo")
    return Loss(
        uri,
        stage,
        name,
        "it went wrong",
        start_pts=start * TICKS,
        end_pts=end * TICKS,
        start_s=start / 25,
        end_s=end / 25,
        frames=FRAMES_A_GOP,
    )
