"""The pixels that VPC moves: canvases, parts, and scaling with libswscale."""

from __future__ import annotations

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from fleet.ascend.surface import UNCHANGED, planes
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat

GRAY = (128, 128, 128)
"""A border's Y, U, V (docs/chip.md#vpc-gray)."""

_SCALERS = {
    0: Interpolation.BILINEAR,  # stands in for the chip's own high-order filter
    1: Interpolation.BILINEAR,
    2: Interpolation.POINT,
    3: Interpolation.BILINEAR,
    4: Interpolation.POINT,
}
_STANDARDS = (Colorspace.ITU601, Colorspace.ITU709, Colorspace.BT2020)
MATRICES = 2 * len(_STANDARDS)
"""How many matrices there are: BT.601 wide and narrow, BT.709, BT.2020."""


class Scaler:
    """libswscale, which keeps its tables from call to call; one per thread."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def scale(
        self, surface: av.VideoFrame, size: Size, interpolation: int, pixel_format: PixelFormat
    ) -> av.VideoFrame:
        """Return a surface scaled to a size, in the first surface of a format, samples kept."""
        return self._scaler.reformat(
            surface,
            size.width,
            size.height,
            pixel_format.layout.surfaces[0],
            interpolation=_SCALERS[interpolation],
            threads=1,
            **UNCHANGED,
        )

    def convert(
        self, surface: av.VideoFrame, pixel_format: PixelFormat, matrix: int
    ) -> av.VideoFrame:
        """Return a surface in another format; `matrix` lies between YUV and RGB.

        0 and 1 are BT.601 wide and narrow, 2 and 3 BT.709, 4 and 5 BT.2020. From YUV to YUV no
        range changes.
        """
        standard = _STANDARDS[matrix // 2]
        levels = ColorRange.MPEG if matrix % 2 else ColorRange.JPEG
        from_rgb = surface.format.is_rgb
        to_rgb = pixel_format.layout.surfaces[0] in {"rgb24", "rgba"}
        return self._scaler.reformat(
            surface,
            format=pixel_format.layout.surfaces[0],
            src_colorspace=standard,
            dst_colorspace=standard,
            src_color_range=ColorRange.JPEG if from_rgb else levels,
            dst_color_range=ColorRange.JPEG if to_rgb else levels,
            interpolation=Interpolation.BILINEAR,
            threads=1,
        )


def canvas(size: Size, fill: tuple[int, int, int]) -> av.VideoFrame:
    """Return an NV12 surface of one colour: Y, U, V."""
    made = av.VideoFrame(size.width, size.height, "nv12")
    luma, chroma = planes(made)
    luma[:] = fill[0]
    chroma[:, 0::2] = fill[1]
    chroma[:, 1::2] = fill[2]
    return made


def paste(part: av.VideoFrame, target: av.VideoFrame, area: Rect) -> None:
    """Copy a surface into an area, of its size, of a surface of the same format."""
    for index, (source, into) in enumerate(zip(planes(part), planes(target), strict=True)):
        top, left = _corner(target.format.name, index, area)
        into[top : top + source.shape[0], left : left + source.shape[1]] = source


def cut(surface: av.VideoFrame, area: Rect) -> av.VideoFrame:
    """Return a part of a surface; where an edge is odd, chroma begins at the sample before it."""
    part = av.VideoFrame(area.width, area.height, surface.format.name)
    for index, (source, target) in enumerate(zip(planes(surface), planes(part), strict=True)):
        top, left = _corner(surface.format.name, index, area)
        rows, row_bytes = target.shape
        target[:] = source[top : top + rows, left : left + row_bytes]
    return part


def _corner(surface: str, plane: int, area: Rect) -> tuple[int, int]:
    """Return the row and the byte where an area begins in a plane of a surface."""
    if plane == 0:
        return area.top, area.left * {"rgb24": 3, "rgba": 4}.get(surface, 1)
    kind = surface.replace("yuvj", "yuv")
    across = 2 if kind in {"nv12", "yuv420p", "yuv422p"} else 1
    down = 2 if kind in {"nv12", "yuv420p", "yuv440p"} else 1
    return area.top // down, area.left // across * (2 if kind == "nv12" else 1)
