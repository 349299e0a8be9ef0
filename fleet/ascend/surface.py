"""The pixels of a picture: as views, packed, and in the layout of device memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.core.frames import Colour, Matrix, Picture, Range
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat

Plane = np.ndarray[Any, np.dtype[np.uint8]]

_F = PixelFormat
_COLORSPACE = {Matrix.BT601: "ITU601", Matrix.BT709: "ITU709"}
_COLOR_RANGE = {Range.NARROW: "MPEG", Range.WIDE: "JPEG"}
"""libav's names for a matrix and a range."""
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


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """The samples of a picture of the simulated chip; see `fleet.core.frames.Buffer`."""

    frame: av.VideoFrame
    """Libav's frame, which stands for the chip's buffer: yuv420p or nv12 for NV12.

    It has no padding to the strides, and the order of its samples is libav's.
    """

    @property
    def size(self) -> Size:
        """The pixels shown."""
        return Size(self.frame.width, self.frame.height)

    def rgb(self, colour: Colour) -> NDArray[np.uint8]:
        """Return the pixels as RGB, u8 [height, width, 3]; libav converts them."""
        converted = self.frame.reformat(
            format="rgb24",
            src_colorspace=_COLORSPACE[colour.matrix],
            src_color_range=_COLOR_RANGE[colour.range],
            dst_color_range="JPEG",
        )
        return np.asarray(converted.to_ndarray(), np.uint8)

    def download(
        self, pixel_format: PixelFormat, width_stride: int, height_stride: int
    ) -> NDArray[np.uint8]:
        """Return the samples with the layout of device memory; padding is zero."""
        layout = pixel_format.layout
        buffer = np.zeros((int(height_stride * layout.buffer), width_stride), np.uint8)
        if layout.planar:
            _copy_planar(self.frame, pixel_format, height_stride, buffer)
        else:
            packed = _packed(self.frame, pixel_format)
            buffer[: packed.shape[0], : packed.shape[1]] = packed
        return buffer

    def declared(self, size: Size) -> Surface:
        """Return the top left part, which is within it."""
        part = av.VideoFrame(size.width, size.height, self.frame.format.name)
        for source, target in zip(planes(self.frame), planes(part), strict=True):
            target[:] = source[: target.shape[0], : target.shape[1]]
        return Surface(part)


def frame_of(picture: Picture) -> av.VideoFrame:
    """Return what stands for a picture's buffer.

    Raises DeviceError (107003) for a picture of another kind of device.
    """
    if not isinstance(picture.buffer, Surface):
        message = f"{picture} does not lie in the memory of a simulated device."
        code, rule = Code.ACL_ERROR_RT_STREAM_CONTEXT, "docs/chip.md#memory-context"
        raise_device_error(code, message, "Give a device its own pictures.", rule)
    return picture.buffer.frame


def check_own(memory: Memory, picture: Picture) -> None:
    """Raise DeviceError (107003) for a picture in the memory of another device.

    Raises it too (107002) on a closed one, and DeviceLostError on one that is gone.
    """
    memory.check_context("a call")
    if memory.is_foreign(picture.memory):
        message = f"{picture} lies in the memory of another device."
        code, rule = Code.ACL_ERROR_RT_STREAM_CONTEXT, "docs/chip.md#memory-context"
        raise_device_error(code, message, "Give a device its own pictures.", rule)


def tight(picture: Picture) -> Plane:
    """Copy a picture's NV12 samples without stride padding: u8 [H * 3/2, W], contiguous.

    AIPP reads samples in this layout (docs/chip.md#aipp-tight).
    """
    nv12 = np.empty((picture.size.height * 3 // 2, picture.size.width), np.uint8)
    copy_tight(picture, nv12)
    return nv12


def copy_tight(picture: Picture, nv12: Plane) -> None:
    """Copy a picture's NV12 samples into u8 [H * 3/2, W]; see `tight`."""
    luma, *chroma = planes(frame_of(picture))
    height = len(luma)
    nv12[:height] = luma
    target = nv12[height:]
    if len(chroma) == 1:
        target[:] = chroma[0]
    else:
        target[:, 0::2], target[:, 1::2] = chroma


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
    return Picture(size, ws, hs, colour, row, Surface(surface), held, pixel_format)


def buffer_bytes(soc: Soc, pixel_format: PixelFormat, width_stride: int, height_stride: int) -> int:
    """Return the bytes of a picture's buffer (docs/chip.md#vpc-buffers)."""
    gray = pixel_format is PixelFormat.YUV_400
    units = soc.vpc.gray_buffer if gray else pixel_format.layout.buffer
    # Products of fractions take longer than all else that a picture's memory needs.
    return width_stride * height_stride * units.numerator // units.denominator


def _copy_planar(
    surface: av.VideoFrame, pixel_format: PixelFormat, height_stride: int, buffer: Plane
) -> None:
    """Copy luma, and chroma in pairs behind it, in rows that are as long as the format has them."""
    luma, *chroma = planes(surface)
    height, width = luma.shape
    buffer[:height, :width] = luma
    if not chroma:
        return
    pairs = chroma[0] if len(chroma) == 1 else np.stack(chroma, axis=-1).reshape(len(chroma[0]), -1)
    row_bytes = buffer.shape[1] * (1 if pixel_format.layout.even_width else 2)
    rows = buffer[height_stride:].reshape(-1, row_bytes)
    target = rows[: pairs.shape[0], : pairs.shape[1]]
    target[:] = pairs
    if pixel_format in _V_FIRST:
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
