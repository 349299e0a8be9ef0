"""The pixels of a picture: as views, packed, and in the layout of device memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

Plane = np.ndarray[Any, np.dtype[np.uint8]]

_F = PixelFormat
_CHANNELS = {"rgb24": 3, "rgba": 4}
_V_FIRST = frozenset({_F.NV21, _F.YVU_422SP, _F.YVU_444SP, _F.YVU_440SP})
# Where the first luma, U and V of a pair of pixels lie.
_PAIRED = {_F.YUYV: (0, 1, 3), _F.UYVY: (1, 0, 2), _F.YVYU: (0, 3, 1), _F.VYUY: (1, 2, 0)}
# Which of R, G, B, A comes first, second, ...
_CHANNEL_ORDER = {
    _F.RGB_888: [0, 1, 2],
    _F.BGR_888: [2, 1, 0],
    _F.ARGB_8888: [3, 0, 1, 2],
    _F.ABGR_8888: [3, 2, 1, 0],
    _F.RGBA_8888: [0, 1, 2, 3],
    _F.BGRA_8888: [2, 1, 0, 3],
}

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

    For nv12 they are luma [H, W] and chroma [H/2, W] with U and V alternating; for planar formats
    luma [H, W], then U and V, for yuv420p [H/2, W/2] each; for rgb24 and rgba one, with the
    channels of a pixel side by side. Halves are rounded up.
    """
    interleaved = len(surface.planes) == 2
    views = []
    for index, plane in enumerate(surface.planes):
        samples = 2 if index and interleaved else _CHANNELS.get(surface.format.name, 1)
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        views.append(rows[:, : plane.width * samples])
    return tuple(views)


def tight(picture: Picture) -> Plane:
    """Copy a picture's NV12 samples without stride padding: u8 [H * 3/2, W], contiguous.

    AIPP reads samples in this layout (docs/chip.md#aipp-tight).
    """
    width, height = picture.size.width, picture.size.height
    nv12 = np.empty((height * 3 // 2, width), np.uint8)
    _copy_nv12(picture.surface, nv12, height)
    return nv12


def download(picture: Picture) -> Plane:
    """Copy a picture's buffer with the layout of device memory: u8 [rows, ws].

    NV12 has hs * 3/2 rows, chroma from row hs on. ws and hs are the picture's strides; samples
    between the picture and its strides are zero. A reader that takes them for picture sees the
    well-known green strip (docs/chip.md#memory-padding).
    """
    layout = picture.pixel_format.layout
    ws, hs = picture.width_stride, picture.height_stride
    buffer = np.zeros((int(hs * layout.buffer), ws), np.uint8)
    if layout.planar:
        _copy_planar(picture, buffer)
    else:
        packed = _packed(picture.surface, picture.pixel_format)
        buffer[: packed.shape[0], : packed.shape[1]] = packed
    return buffer


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
    soc: Soc,
    memory: Memory,
    surface: av.VideoFrame,
    colour: Colour,
    row: int,
    holder: str,
    pixel_format: PixelFormat = PixelFormat.NV12,
    strides: tuple[int, int] | None = None,
) -> Picture:
    """Return a surface as a picture, with the chip's strides and the memory that they take.

    `strides`: those of the engine that made it; None for VPC's.
    """
    size = Size(surface.width, surface.height)
    if strides is None:
        rule = soc.vpc.stride_for(size, pixel_format)
        strides = rule.strides(size, pixel_format.layout.pixel_bytes)
    ws, hs = strides
    held = memory.allocate(buffer_bytes(soc, pixel_format, ws, hs), holder)
    return Picture(size, ws, hs, colour, row, surface, held, pixel_format)


def declared(picture: Picture, size: Size) -> Picture:
    """Return the top left part of a picture as one of `size`, in the same buffer and strides.

    A program declares a size smaller than the buffer's where an engine takes even sides alone.
    Releasing either picture frees the buffer of both. Raises ValueError for a larger size.
    """
    if size.width > picture.size.width or size.height > picture.size.height:
        raise ValueError(f"{picture} holds no picture of {size}")
    if size == picture.size:
        return picture
    surface = av.VideoFrame(size.width, size.height, picture.surface.format.name)
    for source, target in zip(planes(picture.surface), planes(surface), strict=True):
        target[:] = source[: target.shape[0], : target.shape[1]]
    return replace(picture, size=size, surface=surface)


def buffer_bytes(soc: Soc, pixel_format: PixelFormat, width_stride: int, height_stride: int) -> int:
    """Return the bytes of a picture's buffer (docs/chip.md#vpc-buffers)."""
    gray = pixel_format is PixelFormat.YUV_400
    units = soc.vpc.gray_buffer if gray else pixel_format.layout.buffer
    return int(width_stride * height_stride * units)


def _copy_planar(picture: Picture, buffer: Plane) -> None:
    """Copy luma, and chroma in pairs behind it, in rows that are as long as the format has them."""
    luma, *chroma = planes(picture.surface)
    height, width = luma.shape
    buffer[:height, :width] = luma
    if not chroma:
        return
    pairs = chroma[0] if len(chroma) == 1 else np.stack(chroma, axis=-1).reshape(len(chroma[0]), -1)
    layout = picture.pixel_format.layout
    row_bytes = picture.width_stride * (1 if layout.even_width else 2)
    rows = buffer[picture.height_stride :].reshape(-1, row_bytes)
    target = rows[: pairs.shape[0], : pairs.shape[1]]
    target[:] = pairs
    if picture.pixel_format in _V_FIRST:
        target[:, 0::2], target[:, 1::2] = pairs[:, 1::2], pairs[:, 0::2]


def _packed(surface: av.VideoFrame, pixel_format: PixelFormat) -> Plane:
    """Return the samples of a packed format in its order, u8 [H, bytes of a row]."""
    views = planes(surface)
    if pixel_format in _PAIRED:
        made = np.empty((surface.height, surface.width * 2), np.uint8)
        first_luma, u, v = _PAIRED[pixel_format]
        made[:, first_luma::2] = views[0]
        made[:, u::4], made[:, v::4] = views[1], views[2]
        return made
    if pixel_format is PixelFormat.YUV_444:
        return np.stack(views, axis=-1).reshape(surface.height, -1)
    order = _CHANNEL_ORDER[pixel_format]
    pixels = views[0].reshape(surface.height, surface.width, len(order))
    return np.ascontiguousarray(pixels[..., order]).reshape(surface.height, -1)


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
