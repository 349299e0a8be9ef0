"""Before anything runs: look at each header, refuse what the chip would, set out the work.

Headers are looked at once for all jobs, in a process of their own (`fleet.video.probe.sandbox`):
what they tell is kept. Of a video that is done, not even that is looked at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.soc import Soc
from fleet.ascend.vdec import check_stream
from fleet.core.interval import Interval, lease_id
from fleet.core.interval_set import EVER, DoneIntervals
from fleet.core.source import Source
from fleet.core.spans import covers
from fleet.errors import CredentialsRefusedError, FleetError, StorageError, VideoError
from fleet.index_cache.store import IndexStore
from fleet.plan.cost import CostModel
from fleet.plan.shard import VideoWork, video_work
from fleet.table.state.video_manifest import Video
from fleet.video.index import VideoIndex
from fleet.video.probe.sandbox import ProbeEndedError, Probes
from fleet.video.probe.serialize import is_lasting
from fleet.video.sampling import Sampling

INDEX_THREADS = 8
"""Headers read at once: with a far store, waiting is most of it."""
PACKETS_HELD = 4_000_000
"""Packets of videos in work that are kept in memory, some 50 bytes each; others are read again."""


@dataclass(frozen=True)
class Refusal:
    """A video that is not processed, and why: it is refused, or could not be read (retryable)."""

    source: Source
    error: FleetError

    @property
    def interval(self) -> Interval:
        """The whole of the video, whatever its pts."""
        return Interval(self.source.uri, self.source.etag, -EVER, EVER)

    def lease(self, job_digest: str) -> str:
        """Name the record of this refusal in the output."""
        return lease_id(job_digest, [self.interval])


@dataclass(frozen=True)
class Prepared:
    """The work of a job over its videos, in the order of their URIs, and the videos refused.

    `works`: of the videos of which something is to be done. `videos`: all of them. `bytes_read`:
    what looking at them took.
    """

    works: tuple[VideoWork, ...]
    refused: tuple[Refusal, ...]
    videos: tuple[Video, ...] = ()
    bytes_read: int = 0

    @property
    def duration_s(self) -> float:
        """Seconds of video in all that is not refused."""
        return sum(video.video_s for video in self.videos)

    @property
    def frames(self) -> int:
        """Wanted frames in all that is not refused."""
        return sum(video.frames for video in self.videos)

    @property
    def todo_s(self) -> float:
        """Seconds of video that are to be done."""
        return sum(work.todo_s for work in self.works)

    @property
    def todo_frames(self) -> int:
        """Wanted frames that are to be done."""
        return sum(int(work.costs.frames[work.todo].sum()) for work in self.works)


@dataclass(frozen=True)
class Known:
    """What earlier runs found out: what is committed, which videos there were, their indexes."""

    done: DoneIntervals = field(default_factory=lambda: DoneIntervals([]))
    videos: Mapping[str, Video] = field(default_factory=dict)
    store: IndexStore | None = None


def prepare(
    sources: Sequence[Source],
    sample: Sampling,
    soc: Soc,
    known: Known,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Prepared:
    """Look at the videos and set out what is to be done of each.

    `on_event` is told how many videos have been looked at. Raises CredentialsRefusedError: where
    the store takes them no more, no other video would fare better.
    """
    probes = Probes(INDEX_THREADS)
    looker = IndexLoader(sample, known.store, probes.index)

    def look(source: Source) -> Video | _Todo | Refusal:
        before = known.videos.get(source.uri)
        if before is not None and before.is_of(source) and _is_done(before, known.done):
            return before
        try:
            index, wanted = looker.look(source)
            check_stream(soc, index.stream, source.uri)
        except CredentialsRefusedError:
            raise
        except (VideoError, StorageError) as error:
            return Refusal(source, error)
        again = None if known.store is None else partial(looker.look, source)
        work = video_work(index, wanted, known.done, CostModel(), again)
        return _Todo(work, _video(index, wanted), index.bytes_read)

    outcomes: list[Video | _Todo | Refusal] = []
    with (
        closing(probes),
        ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index") as threads,
    ):
        for number, outcome in enumerate(threads.map(look, sources), 1):
            outcomes.append(outcome)
            on_progress(number)
    todo = [outcome for outcome in outcomes if isinstance(outcome, _Todo)]
    return Prepared(
        works=tuple(item.work for item in todo if item.work.todo.any()),
        refused=tuple(item for item in outcomes if isinstance(item, Refusal)),
        videos=tuple(map(_video_of, outcomes)),
        bytes_read=sum(item.bytes_read for item in todo),
    )


@dataclass(frozen=True)
class _Todo:
    work: VideoWork
    video: Video
    bytes_read: int


def _is_done(video: Video, done: DoneIntervals) -> bool:
    starts, ends = np.array([[video.start_pts], [video.end_pts]])
    return bool(covers(done.spans(video.uri, video.etag), starts, ends).all())


def _video(index: VideoIndex, wanted: NDArray[np.bool_]) -> Video:
    source, bounds = index.source, index.bounds
    return Video(
        source.uri,
        source.bytes,
        source.etag,
        int(bounds[0]),
        int(bounds[-1]),
        index.duration_s,
        int(wanted.sum()),
    )


def _video_of(outcome: Video | _Todo | Refusal) -> Video:
    if isinstance(outcome, Video):
        return outcome
    if isinstance(outcome, _Todo):
        return outcome.video
    source, error = outcome.source, outcome.error
    unread = error.message if error.retryable else ""
    return Video(source.uri, source.bytes, source.etag, refused=not unread, unread=unread)


class IndexLoader:
    """Gives the index of a video and which frames are wanted: kept, or found out and then kept.

    The latest ones stay in memory, up to PACKETS_HELD. Safe to use from several threads.
    """

    def __init__(
        self, sample: Sampling, store: IndexStore | None, index: Callable[[Source], VideoIndex]
    ) -> None:
        self._sample = sample
        self._store = store
        self._index = index
        self._lock = Lock()
        self._held: OrderedDict[Source, tuple[VideoIndex, NDArray[np.bool_]]] = OrderedDict()
        self._packets = 0

    def look(self, source: Source) -> tuple[VideoIndex, NDArray[np.bool_]]:
        """See `plan.shard.Look`; raises VideoError, StorageError."""
        with self._lock:
            known = self._held.get(source)
        if known is not None:
            return known
        index = self._find(source)
        looked = index, self._sample.wanted(index)
        if self._store is not None:
            self._hold(source, looked)
        return looked

    def _find(self, source: Source) -> VideoIndex:
        found = self._store.find(source) if self._store is not None else None
        if isinstance(found, VideoError):
            raise found
        if found is not None:
            return found
        try:
            index = self._index(source)
        except VideoError as error:
            # A process may have been ended by somebody else: whoever asks again gets a look.
            ended = isinstance(error.__cause__, ProbeEndedError)
            if self._store is not None and is_lasting(error) and not ended:
                self._store.add(source, error)
            raise
        if self._store is not None:
            self._store.add(source, index)
        return index

    def _hold(self, source: Source, looked: tuple[VideoIndex, NDArray[np.bool_]]) -> None:
        with self._lock:
            if source not in self._held:
                self._packets += len(looked[0].packets)
            self._held[source] = looked
            while self._packets > PACKETS_HELD and len(self._held) > 1:
                _, (gone, _) = self._held.popitem(last=False)
                self._packets -= len(gone.packets)
