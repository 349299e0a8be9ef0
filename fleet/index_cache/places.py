"""Where the rows of videos lie: 16 bytes a video, however long their addresses are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_ROW_BITS = 32


class Places:
    """Hash of a video -> the batch and the row that tell of it; several may have one hash.

    Sorted runs, which are merged as they come to be of about one size: a run that is added costs
    little, and one that is looked up is one of few.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def add(self, hashes: Sequence[int], batch: int) -> None:
        """Add the videos of a batch, given in the order of its rows."""
        rows = np.arange(len(hashes), dtype=np.int64)
        self._runs.append(_sorted(np.array(hashes, np.int64), (batch << _ROW_BITS) | rows))
        while len(self._runs) > 1 and len(self._runs[-2][0]) <= 2 * len(self._runs[-1][0]):
            last, before = self._runs.pop(), self._runs.pop()
            both = zip(before, last, strict=True)
            self._runs.append(_sorted(*(np.concatenate(columns) for columns in both)))

    def find(self, wanted: int) -> Iterator[tuple[int, int]]:
        """Yield the batch and the row of what has this hash, the one that was added last first."""
        for hashes, places in reversed(self._runs):
            first = int(hashes.searchsorted(wanted))
            # Most runs have none, and each search of one takes as long as all else here.
            if first == len(hashes) or hashes[first] != wanted:
                continue
            last = int(hashes.searchsorted(wanted, "right"))
            for place in reversed(places[first:last].tolist()):
                yield place >> _ROW_BITS, place & ((1 << _ROW_BITS) - 1)

    def __len__(self) -> int:
        """Return of how many videos anything is told."""
        return len(np.unique(np.concatenate([np.zeros(0, np.int64), *(h for h, _ in self._runs)])))


def _sorted(
    hashes: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(hashes, kind="stable")
    return hashes[order], places[order]
