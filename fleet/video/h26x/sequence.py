"""What a sequence parameter set says of the pictures, alike for H.264 and H.265."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.video.h26x.bits import BitReader

MOST_KEPT = 32
"""Parameter sets of each kind that stay read: the videos of a camera have the same ones."""
CHROMA = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
# Horizontal and vertical steps of the cropping window, in luma samples (H.264 table 6-1).
CROP_STEPS = ((1, 1), (2, 2), (2, 1), (1, 1))

_EXTENDED_SAR = 255
# The shapes of pixels by number, width to height (H.264 table E-1, H.273 table 5).
_SAMPLE_ASPECTS = tuple(
    Fraction(width, height)
    for width, height in (
        *((0, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11)),
        *((80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1)),
    )
)
_UNSPECIFIED = 2
# The chip has only BT.601 and BT.709. Others count as the nearer of the two by their luma weights
# (ITU-T H.273 table 4): FCC and 470BG, 170M to 601; 240M and BT.2020 to 709.
_MATRICES = {
    1: Matrix.BT709,
    4: Matrix.BT601,
    5: Matrix.BT601,
    6: Matrix.BT601,
    7: Matrix.BT709,
    9: Matrix.BT709,
    10: Matrix.BT709,
}


@dataclass(frozen=True)
class Sequence:
    """Facts of one SPS; those that `StreamInfo` has as well mean the same."""

    profile: str
    level: str
    size: Size
    chroma: str
    bit_depth: int
    interlaced: bool
    reference_frames: int
    colour: Colour
    """Not declared where the VUI has no matrix coefficients."""
    frame_rate: Fraction
    """The VUI's frames a second; 0 where it has none."""
    reorder_frames: int | None
    """How many pictures may be decoded before one and shown after it; None where it is not said."""
    sub_layers: int = 1
    """How many temporal sub-layers an H.265 stream may have; 1 for H.264."""
    sample_aspect: Fraction = Fraction(0)
    """The VUI's width of a pixel to its height; 0 where it says none."""


def colour(matrix_coefficients: int, full_range: bool) -> Colour:
    """Return how to read the samples, by the VUI's or the container's numbers (H.273 table 4).

    Unspecified and unknown coefficients are read as BT.601, the chip's default, and are not
    declared. GBR and YCgCo fit no YUV matrix and count as BT.709: the chip refuses their 4:4:4.
    """
    sample_range = Range.WIDE if full_range else Range.NARROW
    if matrix_coefficients in {0, 8}:
        return Colour(Matrix.BT709, sample_range, declared=True)
    matrix = _MATRICES.get(matrix_coefficients)
    return Colour(matrix or Matrix.BT601, sample_range, declared=matrix is not None)


def read_picture_signal(bits: BitReader) -> tuple[Colour, Fraction]:
    """Read the VUI up to the chroma location, alike in H.264 (E.1.1) and H.265 (E.2.1).

    Returns how to read the samples, and the shape of a pixel, see `Sequence`.
    """
    sample_aspect = _sample_aspect(bits)
    if bits.flag():
        bits.skip(1)
    full_range, matrix = False, _UNSPECIFIED
    if bits.flag():
        bits.skip(3)
        full_range = bits.flag()
        if bits.flag():
            bits.skip(16)
            matrix = bits.u(8)
    if bits.flag():
        bits.ues(2)
    return colour(matrix, full_range), sample_aspect


def _sample_aspect(bits: BitReader) -> Fraction:
    number = bits.u(8) if bits.flag() else 0
    if number == _EXTENDED_SAR:
        width, height = bits.u(16), bits.u(16)
        return Fraction(width, height) if height else Fraction(0)
    return _SAMPLE_ASPECTS[number] if number < len(_SAMPLE_ASPECTS) else Fraction(0)


def cropped(width: int, height: int, crop: list[int], steps: tuple[int, int]) -> Size:
    """Return the size shown of a coded size; `crop`: left, right, top, bottom in `steps`."""
    return Size(
        width - (crop[0] + crop[1]) * steps[0],
        height - (crop[2] + crop[3]) * steps[1],
    )
