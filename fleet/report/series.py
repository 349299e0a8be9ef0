"""Counts that grow batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCORE_BINS = 20
STRIP_BINS = 160
"""So many stretches a strip has at most, whatever its video lasts."""


class Grid:
    """Counts in rows that are added as they come, and a fixed number of columns."""

    def __init__(self, columns: int, rows: int = 0) -> None:
        self.values: NDArray[np.int64] = np.zeros((rows, columns), np.int64)
        """int64 [rows, columns]; rows that nothing was counted in may stand at the end."""

    def add(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Count one for each pair of a row and a column."""
        if not len(rows):
            return
        more = int(rows.max()) + 1 - len(self.values)
        if more > 0:
            # At least doubled, so that rows which come one by one are not copied each time.
            self.values = np.pad(self.values, ((0, max(more, len(self.values))), (0, 0)))
        np.add.at(self.values, (rows, columns), 1)

    def column(self, rows: int) -> NDArray[np.int64]:
        """Return the first column, for so many rows: int64 [rows]."""
        found = np.zeros(rows, np.int64)
        known = self.values[:rows, 0]
        found[: len(known)] = known
        return found


@dataclass(frozen=True)
class Bar:
    """Counts under one name."""

    name: str
    counts: tuple[int, ...]
    """One for each label, in the order of the labels."""
    frames: int = 0
    """Frames that were looked at, where that is known of the name."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)


def score_bin(score: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the bin of each score of 0..1, -1 for one that is no number: int64."""
    known = np.isfinite(score)
    # In the precision of the table, where 0.15 is a little more than the edge of a bin.
    bins = np.floor(np.where(known, score, 0) * np.float32(SCORE_BINS))
    found: NDArray[np.int64] = np.where(known, np.clip(bins, 0, SCORE_BINS - 1), -1).astype(
        np.int64
    )
    return found


def strip_bin(
    time_s: NDArray[np.float64], length_s: NDArray[np.float64], bins: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the bin of each time in a video that lasts `length_s`: int64, 0..bins - 1."""
    found = np.floor(np.nan_to_num(time_s / np.maximum(length_s, 1e-9)) * bins)
    return np.clip(found, 0, bins - 1).astype(np.int64)
