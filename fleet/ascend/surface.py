"""The pixels of a picture: as views, packed, as the chip lays them out, and back."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size

Plane = np.ndarray[Any, np.dtype[np.uint8]]

UNCHANGED: dict[str, Any] = {
    "src_color_range": ColorRange.JPEG,
    "dst_color_range": ColorRange.JPEG,
    "src_colorspace": Colorspace.ITU601,
    "dst_colorspace": Colorspace.ITU601,
}
"""Has VideoReformatter leave samples as they are: the same in and out, whatever a frame is tagged.

Without it libswscale would squeeze yuvj420p into the narrow range; the chip's blocks change
neither range nor standard (ascend_spec section 5.1). Picture.colour says how to read the samples.
"""


def planes(surface: av.VideoFrame) -> tuple[Plane, ...]:
    """Give writable views of a surface's planes, u8, without libav's padding.

    nv12: luma [H, W] and chroma [H/2, W] with U and V alternating. yuv420p: luma [H, W], U and V
    [H/2, W/2].
    """
    interleaved = len(surface.planes) == 2
    width = surface.width
    views = []
    for index, plane in enumerate(surface.planes):
        shown = width // 2 if index and not interleaved else width
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        views.append(rows[:, :shown])
    return tuple(views)


def tight(picture: Picture) -> Plane:
    """Copy a picture's NV12 samples without stride padding: u8 [H * 3/2, W], contiguous.

    This is what AIPP takes (ascend_spec section 5: input bytes are tight).
    """
    width, height = picture.size.width, picture.size.height
    nv12 = np.empty((height * 3 // 2, width), np.uint8)
    _copy_nv12(picture.surface, nv12, height)
    return nv12


def download(picture: Picture) -> Plane:
    """Copy a picture's buffer as it lies in device memory: u8 [hs * 3/2, ws], NV12.

    ws and hs are the picture's strides; what lies between the picture and its strides is zero.
    Read as picture, the zeros are the well-known green strip (ascend_spec section 9).
    """
    nv12 = np.zeros((picture.height_stride * 3 // 2, picture.width_stride), np.uint8)
    _copy_nv12(picture.surface, nv12, picture.height_stride)
    return nv12


def upload(
    soc: Soc, memory: Memory, nv12: NDArray[np.uint8], colour: Colour, row: int = 0
) -> Picture:
    """Bring NV12 samples, u8 [H * 3/2, W] without padding, into device memory as a picture.

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
    """Make a picture of a surface: give it the chip's strides and the memory that they take."""
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
