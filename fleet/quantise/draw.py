"""Which frames of which videos are looked at: drawn evenly over all, by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Drawn:
    """The frames of one video, by number."""

    calibrated: NDArray[np.bool_]
    """Those that ranges are taken from: bool [frames]."""
    compared: NDArray[np.bool_]
    """Those that both networks look at: bool [frames], none of the others."""


def shuffle(count: int, seed: int) -> list[int]:
    """Return the numbers below `count` in an order that the seed makes."""
    order: list[int] = np.random.default_rng([seed, 0]).permutation(count).tolist()
    return order


def draw(lengths: Sequence[int], frames: int, seed: int) -> list[Drawn]:
    """Draw `frames` frames to calibrate on and as many others to compare, or half of all there are.

    `lengths`: the frames of each video. One is drawn from each of equally long stretches of all
    videos, one after the other, by turns for the one purpose and the other.
    """
    total = sum(lengths)
    wanted = min(frames, total // 2)
    # Stretches between whole numbers: no two of them hold the same frame.
    edges = np.arange(2 * wanted + 1) * total // max(1, 2 * wanted)
    shares = np.random.default_rng([seed, 1]).random(2 * wanted)
    drawn = edges[:-1] + (shares * np.diff(edges)).astype(np.int64)
    chosen = np.zeros((2, total), np.bool_)
    chosen[0, drawn[0::2]] = True
    chosen[1, drawn[1::2]] = True
    ends = np.cumsum([0, *lengths])
    return [Drawn(chosen[0, first:end], chosen[1, first:end]) for first, end in pairwise(ends)]
