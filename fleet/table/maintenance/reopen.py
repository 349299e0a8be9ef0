"""Which stretches are done no longer when losses are taken up again; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.interval_set import EVER, IntervalTable
from fleet.core.loss import Loss
from fleet.core.spans import Spans, subtract, union
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.row_owner import IntervalLookup

Bounds = Callable[[str, str], NDArray[np.int64] | None]
"""uri, etag -> where the GOPs of that version lie (see VideoIndex), None where it is not known."""
Span = tuple[int, int]


def ends(loss: Loss) -> Span:
    """From where to where a loss reaches; of a whole video, for ever."""
    if loss.start_pts is None or loss.end_pts is None:
        return -EVER, EVER
    return loss.start_pts, loss.end_pts


def intervals_to_reopen(
    covered: Covered, meant: Sequence[Loss], losses: Sequence[Loss], bounds: Bounds
) -> dict[int, Spans]:
    """Find what is to go, by row of the intervals that it lies in: spans of pts.

    `meant`: some of all `losses`. Whole GOPs go where their bounds are known, else all that a lease
    covers of the video; and never half a loss: what is left of the video stays well recorded.
    """
    intervals = covered.intervals
    stretches = IntervalLookup(Covered(intervals, np.arange(len(intervals))))
    by_uri: dict[str, list[Span]] = {}
    for loss in losses:
        by_uri.setdefault(loss.uri, []).append(ends(loss))
    found: dict[int, list[Span]] = {}
    for loss in meant:
        for start, end, row in stretches.within(loss.uri, *ends(loss)):
            whole = int(intervals.starts[row]), int(intervals.ends[row])
            # A video that was refused is covered far beyond its GOPs.
            known = bounds(*intervals.version_of(row)) if loss.start_pts is not None else None
            span = (
                whole
                if known is None
                else _Gops(known, whole).around((start, end), by_uri[loss.uri])
            )
            found.setdefault(row, []).append(span)
    return {row: union(*np.array(spans, np.int64).T) for row, spans in found.items()}


@dataclass(frozen=True, eq=False)
class _Gops:
    """The GOPs of a video within one interval."""

    bounds: NDArray[np.int64]
    whole: Span

    def around(self, span: Span, losses: Sequence[Span]) -> Span:
        """Widen a stretch to whole GOPs, until no loss lies half in it."""
        while True:
            touching = [
                self._within(loss) for loss in losses if loss[0] < span[1] and loss[1] > span[0]
            ]
            wider = self._rounded(
                min([span[0], *(start for start, _ in touching)]),
                max([span[1], *(end for _, end in touching)]),
            )
            if wider == span:
                return span
            span = wider

    def _within(self, span: Span) -> Span:
        return max(span[0], self.whole[0]), min(span[1], self.whole[1])

    def _rounded(self, start: int, end: int) -> Span:
        first = max(0, int(np.searchsorted(self.bounds, start, side="right")) - 1)
        last = min(len(self.bounds) - 1, int(np.searchsorted(self.bounds, end, side="left")))
        return self._within((int(self.bounds[first]), int(self.bounds[last])))


def without(covered: Covered, taken: Mapping[int, Spans]) -> tuple[Covered, NDArray[np.int64]]:
    """What leases cover without what is taken, and which leases that changes."""
    intervals = covered.intervals
    rows = np.array(sorted(taken), np.int64)
    left = [
        (int(intervals.version[row]), start, end, row)
        for row in rows.tolist()
        for start, end in subtract(_one(intervals, row), taken[row]).tolist()
    ]
    version, starts, stops, of_row = np.array(left, np.int64).reshape(-1, 4).T
    rest = np.setdiff1d(np.arange(len(intervals)), rows)
    table = IntervalTable(
        intervals.versions,
        np.concatenate((intervals.version[rest], version)),
        np.concatenate((intervals.starts[rest], starts)),
        np.concatenate((intervals.ends[rest], stops)),
    )
    lease = np.concatenate((covered.lease[rest], covered.lease[of_row]))
    return Covered(table, lease), np.unique(covered.lease[rows])


def _one(intervals: IntervalTable, row: int) -> Spans:
    return np.array([[intervals.starts[row], intervals.ends[row]]], np.int64)
