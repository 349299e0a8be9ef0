"""What a display matrix asks for, and the size of pictures whose pixels are no squares."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from generate import display_matrix
from hypothesis import given
from hypothesis import strategies as st
from indexes import STREAM

from fleet.ascend.soc import Ascend310
from fleet.core.geometry import Size, square_pixels
from fleet.video.containers.display_matrix import Turn, turn_of
from fleet.video.probe.serialize import stream_from_json, stream_to_json

ROTATIONS = st.sampled_from((0, 90, 180, 270))
ASPECTS = st.fractions(min_value=Fraction(1, 16), max_value=16, max_denominator=500)


@given(ROTATIONS, st.booleans(), st.floats(-0.9, 0.9), st.integers(-4096, 4096))
def test_a_matrix_of_whole_quarters_is_heeded(
    rotation: int, mirrored: bool, off: float, moved: int
) -> None:
    """Where it moves the picture to, and what rounding left of an angle, do not count."""
    a, b, u, c, d, v, _, _, w = display_matrix(rotation + off, mirrored=mirrored)
    assert turn_of((a, b, u, c, d, v, moved, -moved, w)) == Turn(rotation, mirrored)


@pytest.mark.parametrize(
    ("degrees", "rotation"), [(30, 0), (50, 90), (100, 90), (200, 180), (300, 270), (350, 0)]
)
def test_an_odd_angle_is_taken_as_the_nearest_quarter_and_told(degrees: int, rotation: int) -> None:
    """A player that turns by any angle would show more."""
    found = turn_of(display_matrix(degrees))
    assert found == Turn(rotation, False, f"it asks to be turned by {degrees} degrees")


def test_a_matrix_that_slants_or_makes_no_sense_is_told() -> None:
    """Zeros, as some cameras write them, and lines that fall together."""
    slanted = turn_of((0, 65536, 0, -65536, 30000, 0, 0, 0, 1 << 30))
    assert (slanted.rotation, slanted.unheeded) == (90, "its display matrix slants pictures")
    for matrix in ((0,) * 9, (65536, 65536, 0, 65536, 65536, 0, 0, 0, 1 << 30)):
        assert turn_of(matrix) == Turn(unheeded="its display matrix makes no sense")


@given(st.integers(64, 2048), st.integers(64, 2048), ASPECTS)
def test_square_pixels_lose_nothing_and_fit_the_chip(w: int, h: int, aspect: Fraction) -> None:
    """One side is stretched, to an even number, if the chip can scale to it; else one squeezed."""
    stored = Size(w * 2, h * 2)
    shown = square_pixels(stored, aspect)
    assert shown in Ascend310.vpc.output
    assert shown.width % 2 == shown.height % 2 == 0
    for ratio in (shown.width / stored.width, shown.height / stored.height):
        assert Ascend310.vpc.min_ratio <= ratio <= Ascend310.vpc.max_ratio
    wanted = float(stored.width * aspect / stored.height)
    rounding = 1 / min(shown.width, shown.height)
    if min(shown.width, shown.height) > 16:
        assert shown.width / shown.height == pytest.approx(wanted, rel=2 * rounding)
    if max(stored.width * aspect, stored.height / aspect) <= 4095:
        assert shown.width >= stored.width
        assert shown.height >= stored.height


def test_a_picture_of_square_pixels_is_left_alone() -> None:
    """Its odd sides too."""
    assert square_pixels(Size(641, 361), Fraction(1)) == Size(641, 361)
    assert square_pixels(Size(352, 288), Fraction(16, 11)) == Size(512, 288)
    assert square_pixels(Size(720, 576), Fraction(8, 9)) == Size(720, 648)


@given(ROTATIONS, st.booleans(), ASPECTS)
def test_a_kept_stream_is_shown_as_before(rotation: int, mirrored: bool, aspect: Fraction) -> None:
    """And what is not done is still told."""
    stream = replace(
        STREAM, rotation=rotation, mirrored=mirrored, sample_aspect=aspect, unheeded="it slants"
    )
    assert stream_from_json(stream_to_json(stream)) == stream
    assert stream.as_stored().shown_size == stream.size
    assert stream.as_stored().is_shown_as_stored


@pytest.mark.parametrize(
    "wrong", [{"rotation": 45}, {"rotation": -90}, {"sample_aspect": Fraction(17)}]
)
def test_a_stream_that_no_player_could_show_is_refused(wrong: dict[str, int]) -> None:
    """Values check themselves."""
    with pytest.raises(ValueError, match=r"turned by|times as wide"):
        replace(STREAM, **wrong)  # type: ignore[arg-type]
