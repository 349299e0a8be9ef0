"""Before anything runs: index each video, refuse what the chip refuses, list the work.

A video's index comes from `fleet.index_cache`, so that each header is read once for all jobs. The
index of a video that is done is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.soc import Soc
from fleet.ascend.stream_rules import check_host_stream, check_stream, is_for_host
from fleet.core.interval import Interval
from fleet.core.interval_set import EVER, DoneIntervals
from fleet.core.source import Source, split_stream
from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.driver.streams import choose_streams
from fleet.errors import (
    CredentialsRefusedError,
    FleetError,
    StorageError,
    StreamRefusedError,
    VideoError,
)
from fleet.index_cache.cache import IndexCache
from fleet.index_cache.store import IndexStore
from fleet.plan.cost import CostModel
from fleet.plan.shard import VideoWork, video_work
from fleet.table.state.video_manifest import Video
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling
from fleet.video.start import NO_START, StartRule, video_start
from fleet.video.stream import StreamInfo

INDEX_THREADS = 8
"""Headers read at a time: most of the time is spent waiting where the store is far away."""


@dataclass(frozen=True)
class Refusal:
    """A video that is not processed."""

    source: Source
    error: FleetError
    """Why; a retryable error means that the video could not be read just now."""
    host_s: float = 0.0
    """How many seconds of video the host would decode with `--fallback cpu`; 0 where none."""
    start: WallTime = UNKNOWN_TIME
    """When the video starts."""

    @property
    def interval(self) -> Interval:
        """The whole of the video, whatever its pts."""
        return _whole(self.source)


@dataclass(frozen=True)
class Prepared:
    """The work of a job over its videos, and the videos that are refused."""

    works: tuple[VideoWork, ...]
    """The videos of which something is left to do, in the order of the sources."""
    refused: tuple[Refusal, ...]
    videos: tuple[Video, ...] = ()
    """All videos: one for each source, or for each of its video streams that is taken."""
    bytes_read: int = 0
    """Bytes of videos that were read to index them."""
    left_streams: int = 0
    """How many video streams are left aside, of files that have several."""
    mend: Callable[[Source], None] = lambda _: None
    """Makes the index of a video anew, see `IndexCache.mend`."""

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
        """Seconds of video that are left to do."""
        return sum(work.todo_s for work in self.works)

    @property
    def todo_frames(self) -> int:
        """Wanted frames that are left to do."""
        return sum(work.todo_frames for work in self.works)

    @property
    def on_host(self) -> list[VideoWork]:
        """The videos of which something is left to do and that the host decodes."""
        return [work for work in self.works if work.on_host]


@dataclass(frozen=True)
class Known:
    """What earlier runs found out."""

    done: DoneIntervals = field(default_factory=lambda: DoneIntervals([]))
    """What is committed."""
    videos: Mapping[str, Video] = field(default_factory=dict)
    """The video manifest, by URI."""
    store: IndexStore | None = None
    """Where the indexes of videos are kept; None: nowhere."""
    fallback: str = "none"
    """See `Job`."""
    streams: str | int = "all"
    """See `Job`."""
    retries: bool = False
    """Whether videos that are recorded as refused count as not done where the host decodes them."""
    start_rule: StartRule = NO_START
    """See `Job`."""
    at_work: frozenset[str] = frozenset()
    """The URIs of videos that other runs have in hand."""


def prepare(
    sources: Sequence[Source],
    sample: Sampling,
    soc: Soc,
    known: Known,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    as_stored: bool = False,
) -> Prepared:
    """Index the videos and list what is left to do of each.

    `as_stored`: the job gets pictures as they are stored, and not as a player shows them.
    `on_progress` is called with the number of videos done so far. Raises CredentialsRefusedError:
    a store that refuses them for one video refuses them for every other.
    """
    indexes = IndexCache(known.store, INDEX_THREADS)
    examiner = _Examiner(indexes, sample, soc, known, as_stored=as_stored)
    outcomes: list[_Outcome] = []
    left = 0
    with (
        closing(indexes),
        ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index") as threads,
    ):
        for number, (found, aside) in enumerate(threads.map(examiner.examine_all, sources), 1):
            outcomes += found
            left += aside
            on_progress(number)
    todo = [outcome for outcome in outcomes if isinstance(outcome, _Todo)]
    return Prepared(
        works=tuple(item.work for item in todo if item.work.todo.any()),
        refused=tuple(item for item in outcomes if isinstance(item, Refusal)),
        videos=tuple(map(_video_of, outcomes)),
        bytes_read=sum(item.bytes_read for item in todo),
        left_streams=left,
        mend=indexes.mend,
    )


class _Examiner:
    """Looks at videos, for `prepare`; from several threads at once."""

    def __init__(
        self,
        indexes: IndexCache,
        sample: Sampling,
        soc: Soc,
        known: Known,
        *,
        as_stored: bool,
    ) -> None:
        self._indexes = indexes
        self._sample = sample
        self._soc = soc
        self._known = known
        self._as_stored = as_stored
        self._streams: dict[str, list[str]] = {}
        """The address of a file -> those of its further streams that are known."""
        for uri in known.videos:
            address, stream = split_stream(uri)
            if stream is not None:
                self._streams.setdefault(address, []).append(uri)

    def examine_all(self, source: Source) -> tuple[list[_Outcome], int]:
        """Look at all video streams of a file that are taken; return how many are not, too."""
        known, found = self._known, self._examine(source)
        if isinstance(found, Video):
            uris = self._streams.get(source.uri, ())
            others = (Source(uri, source.bytes, source.etag) for uri in uris)
            return [found, *map(self._examine, others)], 0
        if isinstance(found, Refusal) and not isinstance(found.error, StreamRefusedError):
            return [found], 0
        stream = self._indexes.get(source).stream
        on_host = known.fallback == "cpu"
        taken = choose_streams(source, stream, known.streams, on_host=on_host)
        further = [self._examine(other) for other in taken.further]
        return [found][: taken.itself] + further, taken.left

    def _look(self, source: Source) -> tuple[VideoIndex, NDArray[np.bool_]]:
        index = self._indexes.get(source)
        index = index.as_stored() if self._as_stored else index
        return index, self._sample.wanted(index)

    def _examine(self, source: Source) -> _Outcome:
        known = self._known
        before = known.videos.get(source.uri)
        if before is not None and before.is_of(source) and known.done.has(before.interval):
            return before
        try:
            index, wanted = self._look(source)
            on_host = _is_on_host(self._soc, index, known)
        except CredentialsRefusedError:
            raise
        except StreamRefusedError as error:
            for_host_s = index.duration_s * is_for_host(self._soc, index.stream)
            return Refusal(source, error, for_host_s, self._start(source, index.stream))
        except (VideoError, StorageError) as error:
            return Refusal(source, error, start=self._start(source, None))
        done = known.done
        if on_host and known.retries and done.has(_whole(source)):
            done = DoneIntervals([])
        # Works outlive this call: one whose index has left the memory asks the cache again.
        look_again = partial(self._look, source)
        work = video_work(
            index,
            wanted,
            done,
            CostModel(),
            look_again,
            on_host=on_host,
            video_start=self._start(source, index.stream),
        )
        return _Todo(work, _video(index, wanted), index.bytes_read)

    def _start(self, source: Source, stream: StreamInfo | None) -> WallTime:
        return video_start(source.uri, self._known.start_rule, stream)


@dataclass(frozen=True)
class _Todo:
    work: VideoWork
    video: Video
    bytes_read: int


_Outcome = Video | _Todo | Refusal


def _is_on_host(soc: Soc, index: VideoIndex, known: Known) -> bool:
    """Return whether the host is to decode a video; raise where neither it nor the chip does.

    A video that another run does, or of which some rows are there already, goes on as it was begun,
    whatever this run's own `fallback`: recorded as refused, it would be covered twice.
    """
    source = index.source
    try:
        check_stream(soc, index.stream, source.uri)
    except StreamRefusedError:
        done = len(known.done.spans(source.uri, source.etag)) > 0
        begun = source.uri in known.at_work or (done and not known.done.has(_whole(source)))
        if known.fallback == "cpu" or begun:
            check_host_stream(soc, index.stream, source.uri)
            return True
        raise
    return False


def _whole(source: Source) -> Interval:
    return Interval(source.uri, source.etag, -EVER, EVER)


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


def _video_of(outcome: _Outcome) -> Video:
    if isinstance(outcome, Video):
        return outcome
    if isinstance(outcome, _Todo):
        return outcome.video
    source, error = outcome.source, outcome.error
    unread = error.message if error.retryable else ""
    return Video(source.uri, source.bytes, source.etag, refused=not unread, unread=unread)
