"""Which frames a calibration looks at."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.quantise.draw import draw, shuffle

LENGTHS = st.lists(st.integers(0, 60), max_size=12)


@given(LENGTHS, st.integers(1, 80), st.integers(0, 99))
def test_as_many_frames_are_compared_as_calibrated_on_and_none_are_both(
    lengths: list[int], frames: int, seed: int
) -> None:
    """Half of all there are where there are too few; each video has its own."""
    drawn = draw(lengths, frames, seed)
    wanted = min(frames, sum(lengths) // 2)
    assert [len(video.calibrated) for video in drawn] == lengths
    assert sum(int(video.calibrated.sum()) for video in drawn) == wanted
    assert sum(int(video.compared.sum()) for video in drawn) == wanted
    assert not any((video.calibrated & video.compared).any() for video in drawn)


@given(LENGTHS, st.integers(1, 80), st.integers(0, 99))
def test_they_lie_evenly_over_all_videos(lengths: list[int], frames: int, seed: int) -> None:
    """One in each of equally long stretches, so that a long video has more of them."""
    total = sum(lengths)
    wanted = min(frames, total // 2)
    drawn = draw(lengths, frames, seed)
    chosen = [number for video in drawn for number in (video.calibrated | video.compared).tolist()]
    for at, place in enumerate(np.flatnonzero(chosen)):
        assert at * total // (2 * wanted) <= place < (at + 1) * total // (2 * wanted)


def test_the_seed_decides_the_draw() -> None:
    """The same one draws the same frames and videos, another one others."""
    once, again, other = (draw([500, 300], 40, seed)[0].calibrated for seed in (7, 7, 8))
    assert once.tolist() == again.tolist() != other.tolist()
    assert shuffle(50, 7) == shuffle(50, 7) != shuffle(50, 8)
    assert sorted(shuffle(50, 7)) == list(range(50))
