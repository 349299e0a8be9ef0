"""Which lease a row belongs to, told by its video and its place in time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.interval_set import EVER
from fleet.core.spans import Axes
from fleet.parquet.arrays import as_numpy, to_bytes
from fleet.table.commits.record_table import Covered

NO_LEASE = -1


def lease_of_frames(covered: Covered, table: pa.Table) -> NDArray[np.int64]:
    """Tell the lease of each row that is about a frame: int64 [rows], NO_LEASE where there is none.

    `covered` has no overlaps, not even between versions of a video.
    """
    intervals = covered.intervals
    if not len(intervals) or not table.num_rows:
        return np.full(table.num_rows, NO_LEASE, np.int64)
    numbers = _video_numbers(covered)
    video = np.array([numbers[_name(uri)] for uri, _ in intervals.versions])[intervals.version]
    uris, pts = table["uri"].combine_chunks(), as_numpy(table["pts"])
    of_name = [numbers.get(name, NO_LEASE) for name in uris.dictionary.to_pylist()]
    row_video = np.array([*of_name, NO_LEASE])[as_numpy(uris.indices)]
    axes = Axes(intervals.starts, intervals.ends, pts)
    order = np.argsort(axes.place(video, intervals.starts))
    starts = axes.place(video, intervals.starts)[order]
    ends = axes.place(video, intervals.ends)[order]
    places = axes.place(row_video, pts)
    at = np.maximum(np.searchsorted(starts, places, side="right") - 1, 0)
    inside = (row_video != NO_LEASE) & (starts[at] <= places) & (places < ends[at])
    return np.where(inside, covered.lease[order][at], NO_LEASE)


def _name(uri: str) -> str:
    """How a table writes a URI."""
    return to_bytes(uri).decode()


def _video_numbers(covered: Covered) -> dict[str, int]:
    names = dict.fromkeys(_name(uri) for uri, _ in covered.intervals.versions)
    return {name: number for number, name in enumerate(names)}


class IntervalLookup:
    """The intervals of some leases by video, to look single stretches up in."""

    def __init__(self, covered: Covered) -> None:
        intervals = covered.intervals
        self._by_video: dict[str, list[tuple[int, int, int]]] = {}
        names = [_name(uri) for uri, _ in intervals.versions]
        columns = (intervals.version, intervals.starts, intervals.ends, covered.lease)
        for version, start, end, lease in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            self._by_video.setdefault(names[version], []).append((start, end, lease))
        for several in self._by_video.values():
            several.sort()

    def within(self, name: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield what a stretch of a video has in common with each interval: start, end, lease."""
        several = self._by_video.get(name, [])
        first = max(0, bisect_right(several, (start, EVER, EVER)) - 1)
        for left, right, lease in several[first : bisect_left(several, (end,))]:
            if max(left, start) < min(right, end):
                yield max(left, start), min(right, end), lease
