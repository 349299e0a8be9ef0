"""What is still to be done of a video: runs of whole GOPs, less what is done already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.plan.cost import CostModel, GopCosts, gop_costs
from fleet.plan.lease import Interval, Shard
from fleet.video.index import Source, VideoIndex


@dataclass(frozen=True, eq=False)
class VideoWork:
    """One video in a job: its index, which frames are wanted, what each GOP costs.

    `wanted`: bool by frame number. `todo`: bool by GOP, False where it is done already.
    """

    index: VideoIndex
    wanted: NDArray[np.bool_]
    costs: GopCosts
    todo: NDArray[np.bool_]

    @property
    def source(self) -> Source:
        """The object it is about."""
        return self.index.source

    def shard(self, first_gop: int, last_gop: int) -> Shard:
        """Cut out the GOPs first_gop <= g < last_gop."""
        span = slice(first_gop, last_gop)
        bounds = self.index.bounds
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
            video_s=self._lasts_s(int(bounds[last_gop] - bounds[first_gop])),
            cost_s=float(self.costs.seconds[span].sum()),
        )

    def _lasts_s(self, ticks: int) -> float:
        bounds = self.index.bounds
        return self.index.duration_s * ticks / int(bounds[-1] - bounds[0])

    def todo_runs(self) -> Iterator[tuple[int, int]]:
        """Yield the stretches of GOPs that are to be done, as (first, last + 1)."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], self.todo, [False]))))
        yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


class DoneIntervals:
    """What earlier runs committed: per version of a video, merged spans of pts."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for interval in intervals:
            key = (interval.uri, interval.etag)
            spans.setdefault(key, []).append((interval.start_pts, interval.end_pts))
        self._spans: Mapping[tuple[str, str], NDArray[np.int64]] = {
            key: _merged(pairs) for key, pairs in spans.items()
        }

    def covers(self, source: Source, bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the GOPs, between neighbouring `bounds`, that are covered whole: bool [gops]."""
        spans = self._spans.get((source.uri, source.etag))
        if spans is None:
            return np.zeros(max(0, len(bounds) - 1), np.bool_)
        at = np.searchsorted(spans[:, 0], bounds[:-1], side="right") - 1
        covered: NDArray[np.bool_] = (at >= 0) & (spans[np.maximum(at, 0), 1] >= bounds[1:])
        return covered


def _merged(pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
    merged: list[list[int]] = []
    for start, end in sorted(pairs):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return np.array(merged, np.int64)


def video_work(
    index: VideoIndex, wanted: NDArray[np.bool_], done: DoneIntervals, model: CostModel
) -> VideoWork:
    """Set out the work of one video."""
    costs = gop_costs(index, wanted, model)
    todo = ~done.covers(index.source, index.bounds)
    return VideoWork(index, wanted, costs, todo)
