"""Clips that are made of pictures: what the same pictures come to."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from fleet.show.movie import mp4, mp4_for_browsers

SIDES = [(350, 202), (642, 370), (320, 262), (128, 94), (320, 256)]
"""Of them only the last fills whole macroblocks."""
TIMES = 20


@pytest.mark.parametrize("sides", SIDES, ids=lambda sides: f"{sides[0]}x{sides[1]}")
def test_the_same_pictures_are_the_same_bytes(sides: tuple[int, int]) -> None:
    """Whatever lay in memory before: clips are exported again, and compared by their digest."""
    rng = np.random.default_rng(5)
    pictures = _pictures(sides, rng)
    made, kept = set(), []
    for _ in range(TIMES):
        kept = [rng.integers(0, 255, rng.integers(1, 400_000), np.uint8) for _ in range(20)]
        made.add(mp4(enumerate(pictures), Fraction(1, 25), Fraction(25)))
        made.add(mp4(enumerate(pictures), Fraction(1, 25), Fraction(25)))
    assert len(kept) == 20
    assert len(made) == 1
    for_browsers = {
        mp4_for_browsers(enumerate(pictures), Fraction(1, 25), Fraction(25)) for _ in range(5)
    }
    assert len(for_browsers) == 1


def _pictures(sides: tuple[int, int], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Return thirteen pictures with noise, a caption and a box that comes in."""
    width, height = sides
    still = np.zeros((height, width, 3), np.uint8)
    still[:, width // 2 :] = rng.integers(0, 60, (height, width - width // 2, 3))
    pictures = []
    for number in range(13):
        picture = np.maximum(still, 20 * number).astype(np.uint8)
        picture[-22:] = rng.integers(0, 255, (22, width, 3))
        if number >= 5:
            picture[40:70, 40:44] = (255, 0, 0)
        pictures.append(picture)
    return pictures
