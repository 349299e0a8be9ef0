"""Sets of spans on time axes, united and subtracted, millions at once.

Spans are int64 [n, 2], half-open (start < end), in ascending order and apart from each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Spans = NDArray[np.int64]
NO_SPANS: Spans = np.zeros((0, 2), np.int64)


def union(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Spans:
    """Return spans that cover the given stretches; those that overlap or touch are merged.

    The stretches come in any order, each start before its end.
    """
    if not len(starts):
        return NO_SPANS
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    begins = np.concatenate(([True], starts[1:] > ends[:-1]))
    lasts = np.append(np.flatnonzero(begins)[1:] - 1, len(ends) - 1)
    return np.stack((starts[begins], ends[lasts]), axis=1)


def subtract(spans: Spans, taken: Spans) -> Spans:
    """Return the parts of `spans` that lie outside `taken`."""
    points = np.unique(np.concatenate((spans.ravel(), taken.ravel())))
    remaining = inside(spans, points[:-1]) & ~inside(taken, points[:-1])
    return union(points[:-1][remaining], points[1:][remaining])


def inside(spans: Spans, points: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each point lies in a span: bool [points]."""
    if not len(spans):
        return np.zeros(len(points), np.bool_)
    at = np.searchsorted(spans[:, 0], points, side="right") - 1
    found: NDArray[np.bool_] = (at >= 0) & (points < spans[np.maximum(at, 0), 1])
    return found


def length(spans: Spans) -> int:
    """Return how many ticks the spans last together."""
    return int((spans[:, 1] - spans[:, 0]).sum())


class Axes:
    """The time axes of many videos laid end to end, so that one span operation serves them all.

    A position on the joint axis is the video's number times the count of distinct times, plus the
    rank of the time: int64, in order, and positions of different videos never touch.
    """

    def __init__(self, *ticks: NDArray[np.int64]) -> None:
        """Take all times, of any video, that will be placed on the axis."""
        # One more than there are times: the end of one video is not the start of the next.
        self._times = np.unique(np.concatenate([*ticks, np.zeros(1, np.int64)]))
        self._step = len(self._times) + 1

    def place(self, videos: NDArray[np.int64], ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the positions of times of videos, which are given by number."""
        return videos * self._step + np.searchsorted(self._times, ticks)

    def video(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the video that each position belongs to."""
        return positions // self._step

    def ticks(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the time of each position."""
        return self._times[positions % self._step]
