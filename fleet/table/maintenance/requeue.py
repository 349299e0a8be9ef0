"""Taking lost stretches up again: their records go, and the next run does them once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.fault import JOB_STAGES
from fleet.core.interval import Interval
from fleet.core.loss import Loss
from fleet.core.source import Source
from fleet.core.spans import Spans, length
from fleet.errors import UsageError
from fleet.index_cache.store import IndexStore
from fleet.parquet.arrays import to_bytes
from fleet.table.maintenance.close import check_there
from fleet.table.maintenance.reopen import intervals_to_reopen, without
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.maintenance.vacuum import retain
from fleet.table.state.read import open_tables, read_losses
from fleet.table.state.state import TableState
from fleet.table.state.success_marker import remove_success
from fleet.table.state.video_manifest import Video, read_videos, seconds_a_tick
from fleet.table.state.video_progress import put_video_table
from fleet.video.index import VideoIndex


@dataclass(frozen=True)
class LossFilter:
    """Which losses are meant: their name, stage or code, and a glob of URIs; empty for all."""

    reason: str = ""
    uri: str = ""

    may_mean_none: ClassVar[bool] = False
    """Whether it is no mistake where none of the losses that are there is meant."""

    def means(self, loss: Loss) -> bool:
        """Whether a loss is one of them; the glob is of the whole URI or of the file's name."""
        reasons = (loss.name.lower(), loss.stage.lower(), str(loss.code))
        names = (loss.uri, loss.uri.rpartition("/")[2])
        return (not self.reason or self.reason.lower() in reasons) and (
            not self.uri or any(fnmatchcase(name, self.uri) for name in names)
        )

    def __str__(self) -> str:
        given = {"reason": self.reason, "uri": self.uri}
        return " and ".join(f"{name} {value}" for name, value in given.items() if value)


@dataclass(frozen=True)
class Requeued:
    """What the next run takes up again.

    `losses`: rows of errors/ that were meant. `videos`, `refused`: of how many videos, and of how
    many of these as a whole. `video_s`: seconds of video, as far as their length is known.
    `of_job`: how many of the losses the job's own code came to.
    """

    losses: int
    videos: int
    refused: int
    video_s: float
    of_job: int = 0


Before = Callable[[int, Sequence[Interval]], None]
"""Is told how many losses are meant, and what is to be done again for them, once nobody else can
change the output; may refuse."""


def no_more(_meant: int, _again: Sequence[Interval]) -> None:
    """Do nothing before losses are taken out."""


def requeue(
    rewriting: Rewriting, asked: LossFilter, store: IndexStore, before: Before = no_more
) -> Requeued:
    """Take the losses that are meant out of what is done, and out of errors/.

    With them go the GOPs that they lie in, as far as `store` knows these, and nothing else. Not
    while a run is at work. `before`: what is done in the step before, also where no loss is meant
    and that is no mistake. Raises UsageError where it is one.
    """
    folder, job = rewriting.folder, rewriting.job
    state = rewriting.state()
    check_there(folder, state, ())
    losses = read_losses(open_tables(folder, job, state).errors)
    meant = [loss for loss in losses if asked.means(loss)]
    if not meant and losses and not asked.may_mean_none:
        raise _nothing(asked, losses)
    if not meant:
        before(0, ())
        return Requeued(0, 0, 0, 0.0)
    videos = read_videos(folder)
    taken = intervals_to_reopen(state.covered, meant, losses, _Bounds(store, videos))
    kept, changed = without(state.covered, taken)
    seconds = seconds_a_tick(videos)
    before(len(meant), _intervals(state, taken))
    remove_success(folder)
    put_video_table(folder, job, retain(rewriting, state, kept, changed, seconds))
    _forget(store, videos, meant)
    return Requeued(
        losses=len(meant),
        videos=len({loss.uri for loss in meant}),
        refused=len({loss.uri for loss in meant if loss.start_pts is None}),
        video_s=sum(
            length(spans) * seconds.get(state.covered.intervals.version_of(row), 0.0)
            for row, spans in taken.items()
        ),
        of_job=sum(loss.stage in JOB_STAGES for loss in meant),
    )


def _intervals(state: TableState, taken: Mapping[int, Spans]) -> list[Interval]:
    versions = state.covered.intervals
    return [
        Interval(*versions.version_of(row), start, end)
        for row, spans in taken.items()
        for start, end in spans.tolist()
    ]


def _nothing(asked: LossFilter, losses: Sequence[Loss]) -> UsageError:
    reasons = ", ".join(sorted({f"{loss.name} (stage {loss.stage})" for loss in losses}))
    return UsageError(f"No loss has {asked}.", f"What there is: {reasons}. A URI is a glob.")


class _Bounds:
    """Looks up where the GOPs of a video lie, once each."""

    def __init__(self, store: IndexStore, videos: Mapping[str, Video]) -> None:
        self._store = store
        self._videos = videos
        self._known: dict[tuple[str, str], NDArray[np.int64] | None] = {}

    def __call__(self, uri: str, etag: str) -> NDArray[np.int64] | None:
        if (uri, etag) not in self._known:
            self._known[uri, etag] = self._find(uri, etag)
        return self._known[uri, etag]

    def _find(self, uri: str, etag: str) -> NDArray[np.int64] | None:
        video = self._videos.get(uri)
        if video is None or video.etag != etag:
            return None
        found = self._store.find(Source(uri, video.bytes, etag))
        return found.bounds if isinstance(found, VideoIndex) else None


def _forget(store: IndexStore, videos: Mapping[str, Video], losses: Sequence[Loss]) -> None:
    """Have videos that were refused looked at again, whatever was found out before."""
    refused = {loss.uri for loss in losses if loss.start_pts is None}
    for video in videos.values():
        if to_bytes(video.uri).decode() in refused:
            store.add(Source(video.uri, video.bytes, video.etag), None)
    store.flush()
