"""Presentation times where the container's are missing, or contradict the pictures' own order."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

NO_PTS = np.iinfo(np.int64).min

# More contradictions than this are no damage but another clock: joined recordings and the like.
_FEW = 4
_FEW_PERCENT = 2


def consistent(pts: NDArray[np.int64], ranks: NDArray[np.int64]) -> bool:
    """Whether all pictures have times, and these rise in display order; `ranks`: see `repaired`."""
    return bool((pts != NO_PTS).all() and (np.diff(pts[np.argsort(ranks)]) >= 0).all())


def repaired(
    pts: NDArray[np.int64], ranks: NDArray[np.int64], step: float
) -> NDArray[np.int64] | None:
    """Times that rise in display order, as near the container's as can be.

    `pts`: int64 by picture, NO_PTS where missing. `ranks`: each picture's place in display order.
    `step`: ticks a picture, for ends where no two times are known. A missing time, and one of a
    few that contradict the order, lies evenly between its neighbours. Times that rise in decode
    order while pictures are reordered are decode times: they are dealt out in display order. None
    where too many contradict the order.
    """
    order = np.argsort(ranks)
    times = pts[order]
    known = times != NO_PTS
    if known.all() and (np.diff(pts) > 0).all():
        times = np.sort(times)
    rising = np.flatnonzero(known)[_longest_rising(times[known])]
    contradicting = int(known.sum()) - len(rising)
    if not len(rising) or contradicting > max(_FEW, len(times) * _FEW_PERCENT // 100):
        return None
    result = np.empty(len(pts), np.int64)
    result[order] = _evenly(times, rising, step)
    return result


def _longest_rising(times: NDArray[np.int64]) -> list[int]:
    """The positions of a longest subsequence that never falls (patience sorting)."""
    tops: list[int] = []
    top_positions: list[int] = []
    before: list[int] = []
    for position, time in enumerate(times.tolist()):
        pile = bisect_right(tops, time)
        before.append(top_positions[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [time]
        top_positions[pile : pile + 1] = [position]
    chain = []
    position = top_positions[-1] if top_positions else -1
    while position >= 0:
        chain.append(position)
        position = before[position]
    return chain[::-1]


def _evenly(times: NDArray[np.int64], known: NDArray[np.int64], step: float) -> NDArray[np.int64]:
    """Fill what is not `known` along straight lines, beyond the ends at the average step."""
    places = np.arange(len(times))
    first, last = int(known[0]), int(known[-1])
    if last > first:
        step = float(times[last] - times[first]) / (last - first)
    filled = np.interp(places, known, times[known].astype(np.float64))
    filled[:first] = times[first] - (first - places[:first]) * step
    filled[last:] = times[last] + (places[last:] - last) * step
    result = np.rint(filled).astype(np.int64)
    result[known] = times[known]
    return result
