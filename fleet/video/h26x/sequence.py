"""What a sequence parameter set says of the pictures, in the words of both standards."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.video.h26x.bits import BitReader

CHROMA = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")
# Horizontal and vertical steps of the cropping window, in luma samples (H.264 table 6-1).
CROP_STEPS = ((1, 1), (2, 2), (2, 1), (1, 1))

_EXTENDED_SAR = 255
_UNSPECIFIED = 2
# The chip knows BT.601 and BT.709 only. Others go to the nearer of the two by their luma weights
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
    """Facts of one SPS, in `StreamInfo`'s terms.

    `colour.declared` is False where the VUI does not give matrix coefficients. `frame_rate`: of the
    VUI, 0 where absent. `reorder_frames`: how many pictures may come before one in decoding and
    after it in display; None where the stream does not say. `sub_layers`: H.265's, else 1.
    """

    profile: str
    level: str
    size: Size
    chroma: str
    bit_depth: int
    interlaced: bool
    reference_frames: int
    colour: Colour
    frame_rate: Fraction
    reorder_frames: int | None
    sub_layers: int = 1


def colour(matrix_coefficients: int, full_range: bool) -> Colour:
    """How to read the samples, from the VUI's or the container's numbers (ITU-T H.273 table 4).

    Unspecified and unknown coefficients are read as BT.601, the chip's default, and are not
    declared. GBR and YCgCo fit no YUV matrix and count as BT.709: the chip refuses their 4:4:4.
    """
    spread = Range.WIDE if full_range else Range.NARROW
    if matrix_coefficients in {0, 8}:
        return Colour(Matrix.BT709, spread, declared=True)
    matrix = _MATRICES.get(matrix_coefficients)
    return Colour(matrix or Matrix.BT601, spread, declared=matrix is not None)


def read_picture_signal(bits: BitReader) -> Colour:
    """The VUI up to the chroma location, alike in H.264 (E.1.1) and H.265 (E.2.1)."""
    if bits.flag() and bits.u(8) == _EXTENDED_SAR:
        bits.skip(32)
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
    return colour(matrix, full_range)


def cropped(width: int, height: int, crop: list[int], steps: tuple[int, int]) -> Size:
    """The size shown of a coded size; `crop`: left, right, top, bottom in `steps`."""
    return Size(
        width - (crop[0] + crop[1]) * steps[0],
        height - (crop[2] + crop[3]) * steps[1],
    )
