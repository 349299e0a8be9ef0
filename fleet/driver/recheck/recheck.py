"""Decoding a sample of an output once more in this process; nothing is written to the output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from glob import escape
from itertools import groupby
from shlex import quote

import numpy as np

from fleet.core.fault import WORKER_STAGE
from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import DoneIntervals
from fleet.core.source import Source
from fleet.core.spans import length
from fleet.driver.preparing.streams import choose_streams
from fleet.driver.recheck.compare import Comparison, WantedFrames, compare
from fleet.driver.recheck.recompute import Recomputer, recomputing
from fleet.driver.recheck.report import RecheckReport, Unreached
from fleet.driver.recheck.sample import draw, gops_at
from fleet.driver.recheck.stored import StoredRows
from fleet.driver.target.identity import JobIdentity, identify
from fleet.driver.target.target import schemas_of
from fleet.errors import (
    CredentialsRefusedError,
    OutputTakenError,
    StorageError,
    VideoError,
)
from fleet.index_cache.cache import IndexCache
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.job.job import Job
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import order
from fleet.plan.shard import VideoWork, video_work
from fleet.storage import Folder
from fleet.table.maintenance.finding import Finding
from fleet.table.parts.schema import ERRORS_TABLE
from fleet.table.state.taken_on import taken_on
from fleet.table.state.video_manifest import Video
from fleet.table.table import Table
from fleet.video.index import VideoIndex
from fleet.video.start import video_start


def recheck(
    job: Job,
    stretches: int,
    seed: int,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> RecheckReport:
    """Decode GOPs of what a job's output holds once more, and compare the rows.

    `stretches`: how many places are drawn, by `seed`; those in the same GOP count once. The videos
    are those that the output lists, in the version that its rows are of. `on_progress` is called
    with how many of how many places are done. Raises OutputTakenError where the output is another
    job's, UsageError where a file of the job is not there.
    """
    identity = identify(job)
    table = _own_output(job, identity)
    index_folder = Folder(job.index_cache or f"{table.uri}/{INDEX_FOLDER}")
    indexes = IndexCache(IndexStore(index_folder, read_only=True))
    without = table.begun_without(schemas_of(job))
    with closing(indexes), recomputing(job, identity, without) as recomputer:
        state = table.state()
        stored = StoredRows(table, state, schemas_of(job, without))
        codes = 1 + taken_on(table.folder)
        checker = _Checker(job, recomputer, stored, table.uri, table.videos(), codes)
        done, number = state.done, 0
        for video, shares in _drawn(table, done, stretches, seed):
            checker.check(video, shares, indexes, done)
            number += len(shares)
            on_progress(number, stretches)
    return checker.report(seed)


def _own_output(job: Job, identity: JobIdentity) -> Table:
    try:
        return Table.of_job(job.output, identity.record)
    except OutputTakenError as error:
        way_out = "Name the job as its `fleet run` did: the job file, --model, --sample and --set."
        raise OutputTakenError(error.message, way_out) from error


def _drawn(
    table: Table, done: DoneIntervals, stretches: int, seed: int
) -> Iterator[tuple[Video, Sequence[float]]]:
    """Yield each video that places were drawn in, and the shares of its frames before them."""
    videos = [video for video in table.videos().values() if not (video.refused or video.unread)]
    videos.sort(key=lambda video: video.uri)
    weights = [video.frames * _share_done(video, done) for video in videos]
    places = draw(weights, stretches, seed)
    for number, of_video in groupby(places, key=lambda place: place[0]):
        yield videos[number], [share for _, share in of_video]


def _share_done(video: Video, done: DoneIntervals) -> float:
    return length(done.spans(video.uri, video.etag)) / (video.end_pts - video.start_pts)


@dataclass
class _Checker:
    """Compares stretch by stretch, and adds up what it finds."""

    job: Job
    recomputer: Recomputer
    stored: StoredRows
    output: str
    listed: Collection[str]
    """The addresses of all videos that the output lists."""
    codes: int
    """How many versions of the job's code the output was made by, at most."""
    count: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    apart: list[Finding] = field(default_factory=list)
    unreached: list[Unreached] = field(default_factory=list)

    def check(
        self, video: Video, shares: Sequence[float], indexes: IndexCache, done: DoneIntervals
    ) -> None:
        """Decode the GOPs of a video in which places lie, and compare; `shares`: see `_drawn`."""
        before = self.count["stretches"]
        try:
            index = indexes.get(Source(video.uri, video.bytes, video.etag))
            index = index.as_stored() if self.job.rotation == "ignore" else index
            self.findings += self._unseen_streams(index)
            wanted = self.job.sample.wanted(index)
            start = video_start(video.uri, self.job.start_rule, index.stream)
            work = video_work(index, wanted, done, CostModel(), video_start=start)
            for gop in gops_at(shares, np.where(work.todo, 0, work.costs.frames)):
                self._check_gop(work, gop)
        except CredentialsRefusedError:
            raise
        except (StorageError, VideoError) as error:
            self.unreached.append(Unreached(video.uri, error.message))
        self.count["videos"] += self.count["stretches"] > before

    def _unseen_streams(self, index: VideoIndex) -> Iterator[Finding]:
        """Yield the video streams that the job takes, and that an earlier version passed over."""
        on_host = self.job.fallback == "cpu"
        taken = choose_streams(index.source, index.stream, self.job.streams, on_host=on_host)
        for other in taken.further:
            if other.uri not in self.listed:
                detail = "a video stream beside the one that was looked at"
                way_out = f"Run the job's command with `--input {quote(other.uri)}` as well."
                yield Finding("never looked at", other.uri, detail, way_out)

    def _check_gop(self, work: VideoWork, gop: int) -> None:
        shard = work.shard(gop, gop + 1)
        stored = self.stored.tables(shard.interval)
        if WORKER_STAGE in stored[ERRORS_TABLE]["stage"].to_pylist():
            # It would end this process as well.
            self.count["left_alone"] += 1
            return
        lease = Lease(LeaseNames("")([shard.interval]), (shard,))
        made = self.recomputer.tables(order(lease, {work.source.uri: work}))
        found = compare(_wanted(work, gop), stored, made)
        counts = {name: getattr(found, name) for name in ("frames", "lost", "rows", "rounded")}
        self.count.update(stretches=1, **counts)
        self._compared(work, shard.interval, found)

    def _compared(self, work: VideoWork, stretch: Interval, found: Comparison) -> None:
        where = _place(work, stretch)
        if found.differences:
            number = min(found.differences)
            detail = (
                f"{where}: {len(found.differences):,} of {found.frames:,} frames differ; frame "
                f"{number}: {found.differences[number]}"
            )
            self._tell_of_other_rows(stretch, detail)
        if found.readable:
            names = sorted(set(found.readable.values()))
            detail = (
                f"{where}: {len(found.readable):,} of {found.frames:,} frames, recorded as lost "
                f"({', '.join(names)}), can be read now"
            )
            glob = quote(escape(stretch.uri))
            way_out = f"`fleet requeue {quote(self.output)} --uri {glob}` takes them up again."
            self.findings.append(Finding("readable now", stretch.uri, detail, way_out))

    def _tell_of_other_rows(self, stretch: Interval, detail: str) -> None:
        if self.codes > 1:
            # Rows do not tell which version made them: who deletes them may lose good ones.
            self.apart.append(Finding("rows of some version", stretch.uri, detail))
            return
        parts = ", ".join(self.stored.commits(stretch))
        way_out = f"Delete {parts}, and run the job's command again: it does that once more."
        self.findings.append(Finding("other rows", stretch.uri, detail, way_out))

    def report(self, seed: int) -> RecheckReport:
        """Return what all stretches came to."""
        count = self.count
        return RecheckReport(
            seed=seed,
            stretches=count["stretches"],
            videos=count["videos"],
            frames=count["frames"],
            lost=count["lost"],
            rows=count["rows"],
            rounded=count["rounded"],
            left_alone=count["left_alone"],
            findings=tuple(self.findings),
            unreached=tuple(self.unreached),
            codes=self.codes,
            apart=tuple(self.apart),
        )


def _wanted(work: VideoWork, gop: int) -> WantedFrames:
    index = work.index
    frames = np.flatnonzero(work.wanted & (index.gop_of_row[index.order] == gop))
    return WantedFrames(frames, index.packets.pts[index.order[frames]])


def _place(work: VideoWork, stretch: Interval) -> str:
    index = work.index
    start, end = (
        float((pts - index.start_pts) * index.stream.time_base)
        for pts in (stretch.start_pts, stretch.end_pts)
    )
    return f"{start:.2f} to {end:.2f} s"
