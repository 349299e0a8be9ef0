"""What looking at the videos of a job has shown, and what was known before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Self

from fleet.core.interval import Interval
from fleet.core.interval_set import EVER, DoneIntervals
from fleet.core.source import Source
from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.errors import (
    FleetError,
)
from fleet.executors.index_pool import MakeIndexPool
from fleet.index_cache.store import IndexStore
from fleet.plan.shard import VideoWork
from fleet.plan.windows import Extent
from fleet.table.state.video_manifest import Video
from fleet.table.state.video_notes import VideoNotes
from fleet.video.start import NO_START, StartRule


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
        return whole(self.source)


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
    looked_at: int = 0
    """How many files were looked at."""
    to_look: int = 0
    """How many files of the listing are not looked at yet, where this is but a window of them."""
    lists_on: bool = False
    """Whether more files are to come than are listed yet."""

    @classmethod
    def together(cls, windows: Sequence[Self]) -> Self:
        """Return what several windows show, the last one of which tells how many files are left."""
        last = windows[-1]
        if len(windows) == 1:
            return last
        return replace(
            last,
            works=tuple(chain.from_iterable(window.works for window in windows)),
            refused=tuple(chain.from_iterable(window.refused for window in windows)),
            videos=tuple(chain.from_iterable(window.videos for window in windows)),
            bytes_read=sum(window.bytes_read for window in windows),
            left_streams=sum(window.left_streams for window in windows),
            looked_at=sum(window.looked_at for window in windows),
        )

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it."""
        return not (self.to_look or self.lists_on)

    @property
    def extent(self) -> Extent:
        """How much of the archive this is."""
        return Extent(self.looked_at, sum(work.todo_cost_s for work in self.works))

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
    notes: VideoNotes | None = None
    """Notes what the indexes of videos say; None: nobody asks."""
    make_index_pool: MakeIndexPool | None = None
    """Makes what looks at videos beside this machine; None: nothing does."""

    def is_done(self, source: Source) -> bool:
        """Return whether all of a video is committed."""
        before = self.videos.get(source.uri)
        return before is not None and before.is_of(source) and self.done.has(before.interval)


def whole(source: Source) -> Interval:
    """Return the whole of a video, whatever its pts."""
    return Interval(source.uri, source.etag, -EVER, EVER)
