"""Random surfaces: noise is a function of the position, so that it does not move in a clip."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FIELD = 256
"""The width and height of the noise field in cells; beyond, it repeats."""
_ROW = 1024
_PRIMES = tuple(np.uint32(prime) for prime in (7919, 104729, 1299709, 611953))

Plane = NDArray[np.float32]
"""One value for each point, f32 [n]."""


class Grain:
    """Tables of random numbers from a generator, and textures made of them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._field = rng.random((FIELD, FIELD), np.float32)
        self._table = rng.random(8191, np.float32)

    def smooth(self, x: Plane, y: Plane, cell_m: float) -> Plane:
        """Return noise in 0..1 with hills about `cell_m` wide."""
        columns, rows = _folded(x, cell_m), _folded(y, cell_m)
        looked_up = cv2.remap(
            self._field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(looked_up, np.float32).ravel()[: len(x)]

    def rough(self, x: Plane, y: Plane, cell_m: float, octaves: int = 3) -> Plane:
        """Return noise in 0..1 of several octaves, each half as wide and half as high."""
        total, weight = np.zeros_like(x), 0.0
        for octave in range(octaves):
            share = 0.5**octave
            total += share * self.smooth(x + 17.3 * octave, y + 9.1 * octave, cell_m * share)
            weight += share
        return total / np.float32(weight)

    def pick(self, *keys: NDArray[np.int64]) -> Plane:
        """Return a random number in 0..1 for each tuple of integers, equal for equal tuples."""
        mixed = np.zeros(len(keys[0]), np.uint32)
        for key, prime in zip(keys, _PRIMES, strict=False):
            mixed = mixed * np.uint32(31) + key.astype(np.uint32) * prime
        mixed ^= mixed >> np.uint32(15)
        return np.asarray(self._table[mixed % np.uint32(len(self._table))], np.float32)


def _folded(positions_m: Plane, cell_m: float) -> Plane:
    """Return positions folded into the noise field, in rows that OpenCV's remap accepts."""
    cells = np.zeros((len(positions_m) // _ROW + 1, _ROW), np.float32)
    filled = cells.reshape(-1)[: len(positions_m)]
    np.multiply(positions_m, np.float32(1 / cell_m), out=filled)
    filled -= np.floor(filled * np.float32(1 / FIELD)) * np.float32(FIELD)
    return cells


def spread(value: Plane) -> NDArray[np.float32]:
    """Return a value for each point once for each colour, f32 [n, 3]."""
    # NumPy takes several times as long to multiply by a column.
    return np.stack([value] * 3, -1)


def mix(below: NDArray[np.float32], above: NDArray[np.float32], cover: Plane) -> Plane:
    """Return colours f32 [n, 3], those of `above` with the share `cover` (0..1)."""
    mixed = (above - below) * spread(cover)
    mixed += below
    return mixed


def mix_into(
    below: NDArray[np.float32], there: NDArray[np.int64], above: NDArray[np.float32], cover: Plane
) -> None:
    """Give some points of `below` the mix with what is `above` them: f32 [n, 3] for all points."""
    below[there] = mix(below.take(there, 0), above, cover)


def wrapped(value: Plane, span: float | Plane) -> Plane:
    """Return what is left of values without whole spans, as np.mod does in many times the time."""
    whole, left = np.asarray(span, np.float32), value.astype(np.float64)
    left -= np.floor(left / whole) * whole
    return left.astype(np.float32)


def band(value: Plane, low: float | Plane, high: float | Plane, soft: Plane) -> Plane:
    """Return 1 where a value lies between two limits, else 0, with edges `soft` wide."""
    rising = np.clip((value - low) / soft + 0.5, 0, 1)
    falling = np.clip((high - value) / soft + 0.5, 0, 1)
    return np.asarray(rising * falling, np.float32)
