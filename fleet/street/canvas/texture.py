"""Random surfaces: noise that is looked up by place, so that it lies still under the camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FIELD = 256
"""Cells a side of the noise field, which repeats beyond."""
_ROW = 1024
_PRIMES = tuple(np.uint32(prime) for prime in (7919, 104729, 1299709, 611953))

Plane = NDArray[np.float32]
"""A value for each point: f32 [n]."""


class Grain:
    """Tables of random numbers, and textures made of them.

    All that is random in a surface comes from the generator handed in.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._field = rng.random((FIELD, FIELD), np.float32)
        self._table = rng.random(8191, np.float32)

    def smooth(self, x: Plane, y: Plane, cell_m: float) -> Plane:
        """Noise in 0..1 whose hills are about `cell_m` wide."""
        columns, rows = _folded(x, cell_m), _folded(y, cell_m)
        looked_up = cv2.remap(
            self._field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(looked_up, np.float32).ravel()[: len(x)]

    def rough(self, x: Plane, y: Plane, cell_m: float, octaves: int = 3) -> Plane:
        """Noise in 0..1 with hills on hills: each octave half as wide and half as high."""
        total, weight = np.zeros_like(x), 0.0
        for octave in range(octaves):
            share = 0.5**octave
            total += share * self.smooth(x + 17.3 * octave, y + 9.1 * octave, cell_m * share)
            weight += share
        return total / np.float32(weight)

    def pick(self, *keys: NDArray[np.int64]) -> Plane:
        """Pick a number in 0..1 for each tuple of whole numbers: the same for the same ones."""
        mixed = np.zeros(len(keys[0]), np.uint32)
        for key, prime in zip(keys, _PRIMES, strict=False):
            mixed = mixed * np.uint32(31) + key.astype(np.uint32) * prime
        mixed ^= mixed >> np.uint32(15)
        return np.asarray(self._table[mixed % np.uint32(len(self._table))], np.float32)


def _folded(places_m: Plane, cell_m: float) -> Plane:
    """Fold places into the noise field, in rows that OpenCV's remap can take."""
    cells = places_m * np.float32(1 / cell_m)
    cells -= np.floor(cells * np.float32(1 / FIELD)) * np.float32(FIELD)
    return np.pad(cells, (0, _ROW - len(cells) % _ROW)).reshape(-1, _ROW)


def mix(below: NDArray[np.float32], above: NDArray[np.float32], cover: Plane) -> Plane:
    """Lay colours f32 [n, 3] over others where `cover` (0..1) says so."""
    return below + (above - below) * cover[..., None]


def band(value: Plane, low: float | Plane, high: float | Plane, soft: Plane) -> Plane:
    """Cover 1 where a value lies between two limits, with edges `soft` wide; else 0."""
    rising = np.clip((value - low) / soft + 0.5, 0, 1)
    falling = np.clip((high - value) / soft + 0.5, 0, 1)
    return np.asarray(rising * falling, np.float32)
