"""Which stretches of strips were looked at, noted while frames are read for other things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fleet.report.series import STRIP_BINS, strip_bin

_MOST_TIMES = 2 * STRIP_BINS - 1
"""A video with more frames has a strip of all STRIP_BINS stretches: see Places."""


class Lookout:
    """Notes frames of the videos that may be drawn; others go, so that it takes no more memory.

    Which ones those are only shows at the end, as do the numbers of their stretches: of few frames
    their times are kept, of many the finest stretches.
    """

    def __init__(self, rows: NDArray[np.int64], known_s: Mapping[str, float], strips: int) -> None:
        """`rows`: int64 [videos], rows of each video; one past the end has none."""
        self._rows = rows
        self._known_s = known_s
        self._most = strips
        self._noted: dict[int, _Noted] = {}
        self._rank: dict[int, tuple[int, str]] = {}
        self.is_complete = True
        """Whether all that may be drawn could be noted: their lengths are known beforehand."""

    def see(
        self, video: NDArray[np.int64], time_s: NDArray[np.float64], uris: Sequence[str]
    ) -> None:
        """Take frames into account: the numbers of their videos, int64 [n], and their times."""
        if not len(video):
            return  # what is split into groups has one at least
        order = np.argsort(video, kind="stable")
        which, first = np.unique(video[order], return_index=True)
        for number, places in zip(which.tolist(), np.split(order, first[1:]), strict=True):
            if number in self._noted or self._may_be_drawn(number, uris[number]):
                self._noted[number].add(time_s[places])

    def _may_be_drawn(self, number: int, uri: str) -> bool:
        rows = int(self._rows[number]) if number < len(self._rows) else 0
        self._rank[number] = (-rows, uri)
        if len(self._rank) > self._most:
            # What goes now stays away: others that are drawn before it only become more.
            last = max(self._rank, key=self._rank.__getitem__)
            del self._rank[last]
            self._noted.pop(last, None)
            if last == number:
                return False
        length_s = self._known_s.get(uri, 0.0)
        self.is_complete &= length_s > 0
        self._noted[number] = _Noted(length_s)
        return True

    def bins(self, video: int, bins: int) -> NDArray[np.bool_]:
        """Return which of so many stretches of a video hold a frame: bool [bins]."""
        noted = self._noted.get(video)
        return np.zeros(bins, np.bool_) if noted is None else noted.bins(bins)


class _Noted:
    """The frames of one video: their times while they are few, and all of the finest stretches."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._times: list[float] = []
        self._finest = np.zeros(STRIP_BINS, np.bool_)

    def add(self, time_s: NDArray[np.float64]) -> None:
        """Note frames."""
        self._finest[self._places(time_s, STRIP_BINS)] = True
        room = _MOST_TIMES + 1 - len(self._times)
        self._times += time_s[:room].tolist()

    def bins(self, bins: int) -> NDArray[np.bool_]:
        """Return which stretches hold a frame; fewer than STRIP_BINS for few frames alone."""
        if bins == STRIP_BINS:
            return self._finest
        if len(self._times) > _MOST_TIMES:
            raise ValueError(f"{bins} stretches are too few for so many frames")
        found = np.zeros(bins, np.bool_)
        found[self._places(np.array(self._times), bins)] = True
        return found

    def _places(self, time_s: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
        length_s = np.full(len(time_s), self._length_s)
        return strip_bin(time_s, length_s, np.full(len(time_s), bins, np.int64))
