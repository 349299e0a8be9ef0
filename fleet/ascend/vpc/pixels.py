"""The pixels that VPC moves: canvases and parts."""

from __future__ import annotations

import av

from fleet.ascend.surface import planes
from fleet.core.geometry import Rect, Size

GRAY = (128, 128, 128)
"""A border's Y, U, V (docs/chip.md#vpc-gray)."""


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


def cut_odd(surface: av.VideoFrame) -> av.VideoFrame:
    """Return a surface without the last column and row of odd sides: itself where both are even."""
    even = Rect(0, 0, surface.width // 2 * 2, surface.height // 2 * 2)
    if even.size == Size(surface.width, surface.height):
        return surface
    return cut(surface, even)


def _corner(surface: str, plane: int, area: Rect) -> tuple[int, int]:
    """Return the row and the byte where an area begins in a plane of a surface."""
    if plane == 0:
        return area.top, area.left * {"rgb24": 3, "rgba": 4}.get(surface, 1)
    kind = surface.replace("yuvj", "yuv")
    across = 2 if kind in {"nv12", "yuv420p", "yuv422p"} else 1
    down = 2 if kind in {"nv12", "yuv420p", "yuv440p"} else 1
    return area.top // down, area.left // across * (2 if kind == "nv12" else 1)
