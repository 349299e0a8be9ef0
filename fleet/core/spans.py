"""Stretches of time axes, added and taken away: millions at once.

Spans are int64 [n, 2], half-open (start < end), in ascending order and apart from each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Spans = NDArray[np.int64]
NO_SPANS: Spans = np.zeros((0, 2), np.int64)


def union(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Spans:
    """Merge stretches that overlap or touch; given in any order, each start before its end."""
    if not len(starts):
        return NO_SPANS
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    begins = np.concatenate(([True], starts[1:] > ends[:-1]))
    lasts = np.append(np.flatnonzero(begins)[1:] - 1, len(ends) - 1)
    return np.stack((starts[begins], ends[lasts]), axis=1)


def subtract(spans: Spans, taken: Spans) -> Spans:
    """What of `spans` lies outside `taken`."""
    points = np.unique(np.concatenate((spans.ravel(), taken.ravel())))
    left = inside(spans, points[:-1]) & ~inside(taken, points[:-1])
    return union(points[:-1][left], points[1:][left])


def inside(spans: Spans, points: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each point lies in a span: bool [points]."""
    if not len(spans):
        return np.zeros(len(points), np.bool_)
    at = np.searchsorted(spans[:, 0], points, side="right") - 1
    found: NDArray[np.bool_] = (at >= 0) & (points < spans[np.maximum(at, 0), 1])
    return found


def covers(spans: Spans, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each stretch lies in a span whole: bool [stretches]."""
    if not len(spans):
        return np.zeros(len(starts), np.bool_)
    at = np.searchsorted(spans[:, 0], starts, side="right") - 1
    whole: NDArray[np.bool_] = (at >= 0) & (ends <= spans[np.maximum(at, 0), 1])
    return whole


def length(spans: Spans) -> int:
    """How many ticks the spans last together."""
    return int((spans[:, 1] - spans[:, 0]).sum())


class Axes:
    """The time axes of many videos laid end to end, so that one span operation serves them all.

    `ticks`: all times that will be asked for, of any video. A place on the long axis is the
    video's number times the count of distinct times, plus the rank of the time: int64, in order,
    and places of different videos never touch.
    """

    def __init__(self, *ticks: NDArray[np.int64]) -> None:
        # One more than there are times: the end of one video is not the start of the next.
        self._times = np.unique(np.concatenate([*ticks, np.zeros(1, np.int64)]))
        self._step = len(self._times) + 1

    def place(self, videos: NDArray[np.int64], ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put times of videos, given by number, on the long axis."""
        return videos * self._step + np.searchsorted(self._times, ticks)

    def video(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tell which video each place belongs to."""
        return places // self._step

    def ticks(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tell which time each place stands for."""
        return self._times[places % self._step]
