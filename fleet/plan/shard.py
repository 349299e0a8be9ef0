"""What is still to be done of a video: runs of whole GOPs, less what is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.core.interval import Interval
from fleet.core.interval_set import DoneIntervals
from fleet.core.source import Source
from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.plan.cost import CostModel, GopCosts, gop_costs
from fleet.plan.cut_off import CutOff, cut_off
from fleet.plan.lease import Shard
from fleet.video.index import VideoIndex

__all__ = ["DoneIntervals", "Look", "VideoWork", "video_work"]

Look = Callable[[], tuple[VideoIndex, NDArray[np.bool_]]]


@dataclass(frozen=True, eq=False)
class GopWork:
    """The GOPs of one video in a job: where they lie, what each costs, which are to be done.

    `bounds`: int64 [gops + 1], see VideoIndex. `todo`: bool by GOP, False where it is done already.
    """

    source: Source
    bounds: NDArray[np.int64]
    duration_s: float
    costs: GopCosts
    todo: NDArray[np.bool_]

    def shard(self, first_gop: int, last_gop: int) -> Shard:
        """Cut out the GOPs first_gop <= g < last_gop."""
        span = slice(first_gop, last_gop)
        bounds = self.bounds
        interval = Interval(
            self.source.uri,
            self.source.etag,
            int(bounds[first_gop]),
            int(bounds[last_gop]),
        )
        return Shard(
            self.source,
            first_gop,
            last_gop,
            interval,
            frames=int(self.costs.frames[span].sum()),
            video_s=self.lasts_s(int(bounds[last_gop] - bounds[first_gop])),
            cost_s=float(self.costs.seconds[span].sum()),
        )

    def lasts_s(self, ticks: int) -> float:
        """How many seconds of the video that many ticks of its GOPs' spans are."""
        return self.duration_s * ticks / int(self.bounds[-1] - self.bounds[0])

    @cached_property
    def is_whole(self) -> bool:
        """Whether nothing of it is done."""
        return bool(self.todo.all())

    @property
    def todo_s(self) -> float:
        """Seconds of the video that are to be done."""
        if self.is_whole:
            return self.lasts_s(int(self.bounds[-1] - self.bounds[0]))
        return self.lasts_s(int(np.diff(self.bounds)[self.todo].sum()))

    @cached_property
    def todo_cost_s(self) -> float:
        """Estimated seconds of one device's time that are to be done."""
        return float(self._todo_of(self.costs.seconds).sum())

    @cached_property
    def todo_frames(self) -> int:
        """Wanted frames that are to be done."""
        return int(self._todo_of(self.costs.frames).sum())

    @property
    def todo_packets(self) -> int:
        """Packets that are fed for what is to be done, at most."""
        return int(self._todo_of(self.costs.packets).sum())

    @cached_property
    def todo_fetched_bytes(self) -> int:
        """Bytes that are fetched for what is to be done, at most."""
        return int(self._todo_of(self.costs.fetched).sum())

    def _todo_of(self, by_gop: NDArray[Any]) -> NDArray[Any]:
        return by_gop if self.is_whole else by_gop[self.todo]

    def todo_runs(self) -> Iterator[tuple[int, int]]:
        """Yield the stretches of GOPs that are to be done, as (first, last + 1)."""
        if self.is_whole:
            yield 0, len(self.todo)
            return
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self.todo, [False]))))
        yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


@dataclass(frozen=True, eq=False)
class VideoWork(GopWork):
    """One video in a job, with what a device is told of it.

    `size`: of its pictures as they are decoded. `shown_size`: of those that the job gets. `look`:
    gives the index and which of its frames are wanted. These are large, and needed again only when
    a lease is spelled out: a job over a large archive does not hold them all.
    """

    size: Size
    shown_size: Size
    look: Look
    forget: Callable[[], None] = lambda: None
    """Lets go of what `look` gives, once nothing of the video is open any more."""
    on_host: bool = False
    """Whether the host decodes it, as the chip does not."""
    video_start: WallTime = UNKNOWN_TIME
    """When its first frame was."""
    decoding_bytes: tuple[tuple[str, int], ...] = ()
    """What decoding it takes of a device's memory at most, with the name of what holds it."""
    picture_bytes: int = 0
    """The memory of one picture as the job gets it."""
    cut_off: CutOff | None = None
    """What is to be done of it and not in its file; None for nothing."""

    @property
    def index(self) -> VideoIndex:
        """Its packets."""
        return self.look()[0]

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Which frames are wanted: bool by frame number."""
        return self.look()[1]


def video_work(
    index: VideoIndex,
    wanted: NDArray[np.bool_],
    done: DoneIntervals,
    model: CostModel,
    look: Look | None = None,
    *,
    forget: Callable[[], None] = lambda: None,
    on_host: bool = False,
    video_start: WallTime = UNKNOWN_TIME,
    decoding_bytes: tuple[tuple[str, int], ...] = (),
    picture_bytes: int = 0,
) -> VideoWork:
    """Set out the work of one video; without `look`, the index stays in memory."""
    todo = ~done.covers(index.source, index.bounds)
    return VideoWork(
        source=index.source,
        size=index.stream.size,
        shown_size=index.stream.shown_size,
        bounds=index.bounds,
        duration_s=index.duration_s,
        costs=gop_costs(index, wanted, model),
        todo=todo,
        look=look or (lambda: (index, wanted)),
        forget=forget,
        on_host=on_host,
        video_start=video_start,
        decoding_bytes=decoding_bytes,
        picture_bytes=picture_bytes,
        cut_off=cut_off(index, wanted, todo),
    )
