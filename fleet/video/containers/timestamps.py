"""Presentation times where the container's are missing or contradict the display order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

NO_PTS = np.iinfo(np.int64).min

# More contradictions than this are not damage but another clock, as in joined recordings.
_FEW = 4
_FEW_PERCENT = 2
# Times that are looked at on each side of one that falls.
_SEVERAL = 3


def continued(
    pts: NDArray[np.int64],
    dts: NDArray[np.int64],
    keys: NDArray[np.bool_],
    shown: NDArray[np.bool_],
    step: float,
) -> tuple[NDArray[np.int64], int]:
    """Return times that go on where a recording's start again, and how often they do: int64 [n].

    Recordings that were joined, and encoders that were restarted, begin with decode times that
    fall, and show pictures at times that were shown before. From there on all times are moved,
    so that the first picture follows the last one before it by as much as that one followed the one
    before. `pts`, `dts`: int64 [n] in decode order, NO_PTS where missing. `keys`, `shown`: bool
    [n]. `step`: ticks a picture, where only one is before.
    """
    known = pts != NO_PTS
    starts = [0, *_restarts(pts, dts, keys)]
    if len(starts) == 1:
        return pts.copy(), 0
    moved, offset, restarts = pts.copy(), 0, 0
    last, lasts = NO_PTS, round(step)
    for start, end in zip(starts, [*starts[1:], len(pts)], strict=True):
        times = np.unique(pts[start:end][(shown & known)[start:end]])
        if not len(times):
            continue
        if start and last != NO_PTS and times[0] + offset <= last:
            offset = last + lasts - int(times[0])
            restarts += 1
        moved[start:end][known[start:end]] += offset
        last = int(times[-1]) + offset
        lasts = int(times[-1] - times[-2]) if len(times) > 1 else lasts
    return moved, restarts


def _restarts(
    pts: NDArray[np.int64], dts: NDArray[np.int64], keys: NDArray[np.bool_]
) -> Iterator[int]:
    """Yield the rows at which decode times fall for good, behind the first one."""
    rows = np.flatnonzero((pts != NO_PTS) & (dts != NO_PTS))
    times = dts[rows]
    falls = np.flatnonzero(np.diff(times) < 0) + 1
    if not len(falls):
        return
    # libav may leave out decode times where they fall.
    starts = rows[falls - 1] + 1
    keys_before = np.concatenate(([0], np.cumsum(keys)))
    with_key = keys_before[rows[falls] + 1] > keys_before[starts]
    yield from starts[with_key | _go_on(times, falls)].tolist()


def _go_on(times: NDArray[np.int64], falls: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether decode times go on from each place where one falls without a key: bool [n].

    A single time that is wrong falls as well; behind it they are as before. So several before and
    several behind it are looked at.
    """
    rises = np.diff(times) > 0
    found = (falls >= _SEVERAL) & (falls + _SEVERAL <= len(times))
    places = falls[found]
    sound = times[places] < times[places - _SEVERAL]
    sound &= times[places + _SEVERAL - 1] < times[places - 1]
    for step in range(_SEVERAL - 1):
        sound &= rises[places - _SEVERAL + step] & rises[places + step]
    found[found] = sound
    return found


def consistent(pts: NDArray[np.int64], ranks: NDArray[np.int64]) -> bool:
    """Return whether all pictures have times, and these rise in display order; see `repaired`."""
    return bool((pts != NO_PTS).all() and (np.diff(pts[np.argsort(ranks)]) >= 0).all())


def repaired(
    pts: NDArray[np.int64], ranks: NDArray[np.int64], step: float
) -> NDArray[np.int64] | None:
    """Return times that rise in display order, as near the container's as possible: int64 [n].

    `pts`: int64 [n], NO_PTS where missing. `ranks`: int64 [n], each picture's position in display
    order. `step`: ticks a picture, used where fewer than two times are known. A missing time, and
    one of a few that contradict the order, is put evenly between its neighbours. Times that rise in
    decode order while pictures are reordered are decode times: they are assigned in display order.
    None where too many contradict the order.
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
    """Return the positions of a longest subsequence that never falls (patience sorting)."""
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
    """Fill what is not `known` along straight lines; beyond the ends, at the average step."""
    positions = np.arange(len(times))
    first, last = int(known[0]), int(known[-1])
    if last > first:
        step = float(times[last] - times[first]) / (last - first)
    filled = np.interp(positions, known, times[known].astype(np.float64))
    filled[:first] = times[first] - (first - positions[:first]) * step
    filled[last:] = times[last] + (positions[last:] - last) * step
    result = np.rint(filled).astype(np.int64)
    result[known] = times[known]
    return result
