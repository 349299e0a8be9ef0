"""The pixel formats of device memory, by AscendCL's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction


class PixelFormat(IntEnum):
    """The order of samples in a buffer: AscendCL's numbers (docs/chip.md#pixel-formats)."""

    YUV_400 = 0
    NV12 = 1
    NV21 = 2
    YUV_422SP = 3
    YVU_422SP = 4
    YUV_444SP = 5
    YVU_444SP = 6
    YUYV = 7
    UYVY = 8
    YVYU = 9
    VYUY = 10
    YUV_444 = 11
    RGB_888 = 12
    BGR_888 = 13
    ARGB_8888 = 14
    ABGR_8888 = 15
    RGBA_8888 = 16
    BGRA_8888 = 17
    NV12_10BIT = 18
    NV21_10BIT = 19
    YUV_440SP = 1000
    YVU_440SP = 1001
    UNKNOWN = 10000

    @property
    def layout(self) -> FormatLayout:
        """How its samples lie; raises ValueError for UNKNOWN, which is no order."""
        if self is PixelFormat.UNKNOWN:
            raise ValueError("an unknown pixel format has no layout")
        return _LAYOUTS[self]

    @property
    def is_subsampled_420(self) -> bool:
        """Return whether one U and one V serve a block of 2 x 2 pixels."""
        return self in _FAMILIES[0][0]


@dataclass(frozen=True)
class FormatLayout:
    """How the samples of a format lie in a buffer, and what stands for it on the host."""

    surfaces: tuple[str, ...]
    """libav's formats that hold such samples; the first one is used for new pictures."""
    pixel_bytes: int
    """Bytes a pixel in the first plane."""
    buffer: Fraction
    """Bytes of a buffer, in units of width stride times height stride."""
    even_width: bool
    """Whether two pixels of a row share a sample."""
    even_height: bool
    """Whether two rows share a sample."""
    planar: bool
    """Whether chroma has a plane, so that the width stride counts luma alone."""


_F = PixelFormat
_FAMILIES: tuple[tuple[tuple[PixelFormat, ...], FormatLayout], ...] = (
    (
        (_F.NV12, _F.NV21, _F.NV12_10BIT, _F.NV21_10BIT),
        FormatLayout(("nv12", "yuv420p", "yuvj420p"), 1, Fraction(3, 2), True, True, True),
    ),
    ((_F.YUV_400,), FormatLayout(("gray",), 1, Fraction(1), False, False, True)),
    (
        (_F.YUV_422SP, _F.YVU_422SP),
        FormatLayout(("yuv422p", "yuvj422p"), 1, Fraction(2), True, False, True),
    ),
    (
        (_F.YUV_444SP, _F.YVU_444SP),
        FormatLayout(("yuv444p", "yuvj444p"), 1, Fraction(3), False, False, True),
    ),
    (
        (_F.YUV_440SP, _F.YVU_440SP),
        FormatLayout(("yuv440p", "yuvj440p"), 1, Fraction(2), False, True, True),
    ),
    (
        (_F.YUYV, _F.UYVY, _F.YVYU, _F.VYUY),
        FormatLayout(("yuv422p", "yuvj422p"), 2, Fraction(1), True, False, False),
    ),
    ((_F.YUV_444,), FormatLayout(("yuv444p", "yuvj444p"), 3, Fraction(1), False, False, False)),
    ((_F.RGB_888, _F.BGR_888), FormatLayout(("rgb24",), 3, Fraction(1), False, False, False)),
    (
        (_F.ARGB_8888, _F.ABGR_8888, _F.RGBA_8888, _F.BGRA_8888),
        FormatLayout(("rgba",), 4, Fraction(1), False, False, False),
    ),
)
_LAYOUTS = {name: layout for names, layout in _FAMILIES for name in names}
