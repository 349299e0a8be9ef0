"""The intervals that are done: for each version of a video, the committed spans of pts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.interval import Interval
from fleet.core.source import Source
from fleet.core.spans import NO_SPANS, Axes, Spans, union

EVER = 2**62
"""A video whose times are not known is covered from -EVER to EVER."""


def covers(spans: Spans, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each stretch lies within one span: bool [stretches]."""
    if not len(spans):
        return np.zeros(len(starts), np.bool_)
    at = np.searchsorted(spans[:, 0], starts, side="right") - 1
    whole: NDArray[np.bool_] = (at >= 0) & (ends <= spans[np.maximum(at, 0), 1])
    return whole


@dataclass(frozen=True, eq=False)
class IntervalTable:
    """Intervals as columns, one row each."""

    versions: Sequence[tuple[str, str]]
    """The videos, each as (uri, etag)."""
    version: NDArray[np.int64]
    """Each interval's position in `versions`."""
    starts: NDArray[np.int64]
    """Its first pts."""
    ends: NDArray[np.int64]
    """The first pts past it."""

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"IntervalTable({len(self):,} intervals of {len(self.versions):,} videos)"

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> Self:
        """Return single intervals as columns."""
        positions: dict[tuple[str, str], int] = {}
        rows = [
            (positions.setdefault((i.uri, i.etag), len(positions)), i.start_pts, i.end_pts)
            for i in intervals
        ]
        columns = np.array(rows, np.int64).reshape(-1, 3)
        return cls(tuple(positions), *columns.T)

    def __iter__(self) -> Iterator[Interval]:
        columns = (self.version.tolist(), self.starts.tolist(), self.ends.tolist())
        for version, start, end in zip(*columns, strict=True):
            uri, etag = self.versions[version]
            yield Interval(uri, etag, start, end)

    def version_of(self, row: int) -> tuple[str, str]:
        """Return the (uri, etag) of an interval's video."""
        return self.versions[int(self.version[row])]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Return the given rows; versions keep their numbers."""
        return type(self)(self.versions, self.version[rows], self.starts[rows], self.ends[rows])

    def overlaps(self) -> NDArray[np.int64]:
        """Return the rows that share a pts with an interval of the same video that starts first."""
        order = np.lexsort((self.ends, self.starts, self.version))
        axes = Axes(self.starts, self.ends)
        starts = axes.place(self.version[order], self.starts[order])
        ends = np.maximum.accumulate(axes.place(self.version[order], self.ends[order]))
        later = np.flatnonzero(starts[1:] < ends[:-1]) + 1
        return np.sort(order[later])


class DoneIntervals:
    """Merged spans of pts for each version of a video; a million intervals take about a second."""

    def __init__(self, intervals: Iterable[Interval] | IntervalTable) -> None:
        table = intervals if isinstance(intervals, IntervalTable) else IntervalTable.of(intervals)
        self._numbers = {version: number for number, version in enumerate(table.versions)}
        axes = Axes(table.starts, table.ends)
        merged = union(
            axes.place(table.version, table.starts), axes.place(table.version, table.ends)
        )
        self._spans = axes.ticks(merged)
        numbers = np.arange(len(table.versions) + 1)
        self._first = np.searchsorted(axes.video(merged[:, 0]), numbers)

    def spans(self, uri: str, etag: str) -> Spans:
        """Return what is done of a version of a video; see `fleet.core.spans`."""
        number = self._numbers.get((uri, etag))
        if number is None:
            return NO_SPANS
        return self._spans[self._first[number] : self._first[number + 1]]

    def covers(self, source: Source, bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether each GOP, between neighbouring `bounds`, is covered whole: bool [gops]."""
        return covers(self.spans(source.uri, source.etag), bounds[:-1], bounds[1:])

    def has(self, interval: Interval) -> bool:
        """Return whether a stretch of a version of a video is covered whole."""
        spans = self.spans(interval.uri, interval.etag)
        at = int(np.searchsorted(spans[:, 0], interval.start_pts, side="right")) - 1
        return at >= 0 and int(spans[at, 1]) >= interval.end_pts
