"""Which GOPs of an archive are decoded once more: a seeded draw, spread evenly over its frames."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray


def draw(weights: Sequence[float], count: int, seed: int) -> list[tuple[int, float]]:
    """Draw places in videos laid end to end, one in each of `count` equally long pieces.

    `weights`: how much there is of each video, 0 or more. Return the position of the video, and the
    share of it that lies before the place (0..1, less than 1), in ascending order. The same
    arguments give the same places.
    """
    amounts = np.array(weights, np.float64)
    present = np.flatnonzero(amounts)
    if not len(present):
        return []
    ends = np.cumsum(amounts[present])
    chance = Random(seed)  # noqa: S311 - nothing is secret here
    places = []
    for piece in range(count):
        point = (piece + chance.random()) / count * float(ends[-1])
        at = min(int(np.searchsorted(ends, point, side="right")), len(present) - 1)
        amount = float(amounts[present[at]])
        share = (point - (float(ends[at]) - amount)) / amount
        places.append((int(present[at]), min(max(share, 0.0), np.nextafter(1.0, 0.0))))
    return places


def gops_at(shares: Sequence[float], frames: NDArray[np.int64]) -> list[int]:
    """Return the GOPs of a video in which some places lie, each once, in ascending order.

    `shares`: the share of the video's frames before each place. `frames`: int64 [gops], the frames
    of each GOP that can be compared. Return nothing where there are none.
    """
    ends = np.cumsum(frames)
    if not len(ends) or not ends[-1]:
        return []
    places = np.minimum((np.array(shares) * ends[-1]).astype(np.int64), ends[-1] - 1)
    gops: list[int] = np.unique(np.searchsorted(ends, places, side="right")).tolist()
    return gops
