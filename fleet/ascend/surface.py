"""The pixels of a picture: as views, packed, and in the layout of device memory."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Rect, Size

Plane = np.ndarray[Any, np.dtype[np.uint8]]

UNCHANGED: dict[str, Any] = {
    "src_color_range": ColorRange.JPEG,
    "dst_color_range": ColorRange.JPEG,
    "src_colorspace": Colorspace.ITU601,
    "dst_colorspace": Colorspace.ITU601,
}
"""Options with which VideoReformatter leaves the values of samples, for any tags of a frame.

Without them libswscale would squeeze yuvj420p into the narrow range; the chip's blocks change
neither range nor standard (docs/chip.md#vpc-colour). Picture.colour defines how to read samples.
"""


def planes(surface: av.VideoFrame) -> tuple[Plane, ...]:
    """Return writable views of a surface's planes, u8, without libav's padding.

    For nv12 they are luma [H, W] and chroma [H/2, W] with U and V alternating; for yuv420p luma
    [H, W], then U and V, [H/2, W/2] each.
    """
    interleaved = len(surface.planes) == 2
    width = surface.width
    views = []
    for index, plane in enumerate(surface.planes):
        shown = width // 2 if index and not interleaved else width
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        views.append(rows[:, :shown])
    return tuple(views)


def cut(surface: av.VideoFrame, area: Rect) -> av.VideoFrame:
    """Return a copy of a rectangle of a surface; its edges are even."""
    part = av.VideoFrame(area.width, area.height, surface.format.name)
    views = planes(surface)
    for index, (source, target) in enumerate(zip(views, planes(part), strict=True)):
        lines = 2 if index else 1
        samples = lines if len(views) == 3 else 1
        columns = slice(area.left // samples, area.right // samples)
        target[:] = source[area.top // lines : area.bottom // lines, columns]
    return part


def tight(picture: Picture) -> Plane:
    """Copy a picture's NV12 samples without stride padding: u8 [H * 3/2, W], contiguous.

    AIPP reads samples in this layout (docs/chip.md#aipp-tight).
    """
    width, height = picture.size.width, picture.size.height
    nv12 = np.empty((height * 3 // 2, width), np.uint8)
    _copy_nv12(picture.surface, nv12, height)
    return nv12


def download(picture: Picture) -> Plane:
    """Copy a picture's buffer with the layout of device memory: NV12, u8 [hs * 3/2, ws].

    ws and hs are the picture's strides; samples between the picture and its strides are zero. A
    reader that takes them for picture sees the well-known green strip
    (docs/chip.md#memory-padding).
    """
    nv12 = np.zeros((picture.height_stride * 3 // 2, picture.width_stride), np.uint8)
    _copy_nv12(picture.surface, nv12, picture.height_stride)
    return nv12


def upload(
    soc: Soc, memory: Memory, nv12: NDArray[np.uint8], colour: Colour, row: int = 0
) -> Picture:
    """Return a picture in device memory from NV12 samples, u8 [H * 3/2, W] without padding.

    Raises ValueError unless the shape is that of a picture with even sides.
    """
    rows, width = nv12.shape
    height = rows * 2 // 3
    if nv12.dtype != np.uint8 or height * 3 != rows * 2 or height % 2 or width % 2:
        raise ValueError(f"not NV12 uint8 [H * 3/2, W] with even sides: {nv12.dtype} {nv12.shape}")
    surface = av.VideoFrame(width, height, "nv12")
    luma, chroma = planes(surface)
    luma[:] = nv12[:height]
    chroma[:] = nv12[height:]
    return in_memory(soc, memory, surface, colour, row, "uploaded picture")


def in_memory(
    soc: Soc, memory: Memory, surface: av.VideoFrame, colour: Colour, row: int, holder: str
) -> Picture:
    """Return a surface as a picture, with the chip's strides and the memory that they take."""
    size = Size(surface.width, surface.height)
    width_stride, height_stride = soc.vpc.stride.strides(size)
    held = memory.allocate(width_stride * height_stride * 3 // 2, holder)
    return Picture(size, width_stride, height_stride, colour, row, surface, held)


def _copy_nv12(surface: av.VideoFrame, nv12: Plane, chroma_row: int) -> None:
    """Copy a surface into a buffer whose chroma begins at `chroma_row`."""
    luma, *chroma = planes(surface)
    height, width = luma.shape
    nv12[:height, :width] = luma
    target = nv12[chroma_row : chroma_row + height // 2, :width]
    if len(chroma) == 1:
        target[:] = chroma[0]
    else:
        target[:, 0::2], target[:, 1::2] = chroma
