"""A seeded sample that does not depend on how rows lie: each row's place follows from its name.

A row is chosen where a hash of the seed, its video and its frame is among the smallest. So the same
seed chooses the same frames of the same rows, whatever parts and batches they come in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


def keys_of(names: Sequence[str], seed: int) -> NDArray[np.uint64]:
    """Return a number for each name that only the name and the seed decide: uint64 [names]."""
    digests = (hashlib.blake2b(f"{seed} {name}".encode(errors="backslashreplace"), digest_size=8)
               for name in names)  # fmt: skip
    return np.array([int.from_bytes(digest.digest()) for digest in digests], np.uint64)


def ranks(keys: NDArray[np.uint64], frames: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the rank of each frame, by its video's key and its number: uint64 [frames].

    The finaliser of splitmix64: neighbouring frames get ranks that have nothing in common.
    """
    mixed: NDArray[np.uint64] = keys + (frames.astype(np.uint64) + np.uint64(1)) * _ODD
    mixed = (mixed ^ (mixed >> _SHIFTS[0])) * _FIRST
    mixed = (mixed ^ (mixed >> _SHIFTS[1])) * _SECOND
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


@dataclass(frozen=True, order=True)
class Chosen:
    """A frame that was chosen."""

    rank: int
    video: int
    """The number of its video."""
    frame: int
    part: ds.Fragment = field(compare=False)
    """The part that its rows lie in."""


class Sample:
    """The frames with the smallest ranks, at most so many; each once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._chosen: list[Chosen] = []

    @property
    def chosen(self) -> list[Chosen]:
        """The frames, the smallest rank first."""
        return list(self._chosen)

    def add(
        self,
        rank: NDArray[np.uint64],
        video: NDArray[np.int64],
        frame: NDArray[np.int64],
        part: ds.Fragment,
    ) -> None:
        """Take rows into account, all of one part: arrays [rows]."""
        if self._most <= 0 or not len(rank):
            return
        if len(self._chosen) == self._most:
            below = np.flatnonzero(rank < np.uint64(self._chosen[-1].rank))
        else:
            below = np.arange(len(rank))
        # Rows of one frame have one rank, so that more rows than frames are looked at.
        rank, first = np.unique(rank[below], return_index=True)
        rows = below[first[: self._most]]
        new = {
            Chosen(int(r), int(video[row]), int(frame[row]), part)
            for r, row in zip(rank[: self._most].tolist(), rows.tolist(), strict=True)
        }
        self._chosen = sorted({*self._chosen, *new})[: self._most]
