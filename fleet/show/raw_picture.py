"""A buffer of YUV 4:2:0 samples read in some layout, as RGB: right or, on purpose, wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from fleet.core.format import plural
from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.errors import UsageError

MOST_SIDE = 16_384
"""Pixels; larger than any picture of the chips, small enough to be held."""
_KR_KB = {Matrix.BT601: (0.299, 0.114), Matrix.BT709: (0.2126, 0.0722)}
"""The weights of red and blue in luma (ITU-R BT.601-7, 2.5.1; BT.709-6, 3.2)."""


class RawFormat(StrEnum):
    """How the chroma of a buffer lies behind its luma; the names are FFmpeg's."""

    NV12 = "nv12"
    NV21 = "nv21"
    YUV420P = "yuv420p"


@dataclass(frozen=True)
class BufferLayout:
    """How a reader takes a buffer to be laid out."""

    size: Size
    """The pixels of the picture."""
    stride: Size
    """Bytes a row of luma, and rows of luma before the chroma."""
    pixel_format: RawFormat = RawFormat.NV12
    """How chroma lies."""

    def __post_init__(self) -> None:
        for what, size in (("a picture", self.size), ("strides", self.stride)):
            if not (1 <= size.width <= MOST_SIDE and 1 <= size.height <= MOST_SIDE):
                raise ValueError(f"{what} of {size}; sides of 1 to {MOST_SIDE:,} can be shown")
        if self.stride.width < self.size.width or self.stride.height < self.size.height:
            raise ValueError(f"strides of {self.stride} do not hold a picture of {self.size}")

    @property
    def size_bytes(self) -> int:
        """Return how many bytes a picture takes with its padding."""
        luma, chroma = self._shapes
        return luma.width * luma.height + 2 * chroma.width * chroma.height

    def whole(self) -> BufferLayout:
        """Return the layout in which the padding is shown as picture."""
        return BufferLayout(self.stride, self.stride, self.pixel_format)

    @property
    def _shapes(self) -> tuple[Size, Size]:
        stride = self.stride
        return stride, Size((stride.width + 1) // 2, (stride.height + 1) // 2)

    def planes(self, data: bytes) -> tuple[NDArray[np.uint8], ...]:
        """Return Y [H, W], U and V [ceil(H/2), ceil(W/2)], u8, of a picture's bytes."""
        luma, chroma = self._shapes
        samples = np.frombuffer(data, np.uint8, self.size_bytes)
        y = samples[: luma.width * luma.height].reshape(luma.height, luma.width)
        rest = samples[y.size :]
        if self.pixel_format is RawFormat.YUV420P:
            u, v = rest.reshape(2, chroma.height, chroma.width)
        else:
            pairs = rest.reshape(chroma.height, chroma.width, 2)
            u, v = pairs[..., 0], pairs[..., 1]
        if self.pixel_format is RawFormat.NV21:
            u, v = v, u
        rows, columns = self.size.height, self.size.width
        half = slice((rows + 1) // 2), slice((columns + 1) // 2)
        return y[:rows, :columns], u[half], v[half]


def picture_bytes(data: bytes, layout: BufferLayout, number: int, name: str) -> tuple[bytes, str]:
    """Return picture `number`, from 0, of a buffer, and what is left over, in a sentence or empty.

    Raises UsageError where the buffer does not hold it.
    """
    start, end = number * layout.size_bytes, (number + 1) * layout.size_bytes
    held, left = divmod(len(data), layout.size_bytes)
    if end > len(data):
        message = (
            f"{name} has {len(data):,} bytes; as {layout.pixel_format} of {layout.stride} a "
            f"picture takes {layout.size_bytes:,}, so that it holds {plural(held, 'picture')}."
        )
        way_out = "Give --size and --stride as the buffer was written, and --frame from 0."
        raise UsageError(message, way_out)
    said = ""
    if left:
        said = f"{left:,} of {len(data):,} bytes are left over: the size may be another"
    return data[start:end], said


def rgb(data: bytes, layout: BufferLayout, colour: Colour) -> NDArray[np.uint8]:
    """Return a picture's bytes as RGB: u8 [height, width, 3], 0..255.

    Each chroma sample counts for its four pixels, as nothing but the samples is to be seen.
    """
    y, *chroma = (plane.astype(np.float32) for plane in layout.planes(data))
    rows, columns = y.shape
    u, v = (plane.repeat(2, 0).repeat(2, 1)[:rows, :columns] - 128 for plane in chroma)
    if colour.range is Range.NARROW:
        y, u, v = (y - 16) * (255 / 219), u * (255 / 224), v * (255 / 224)
    red, blue = _KR_KB[colour.matrix]
    green = 1 - red - blue
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = y - (2 * blue * (1 - blue) * u + 2 * red * (1 - red) * v) / green
    levels = np.clip(np.rint(np.stack([r, g, b], -1)), 0, 255)
    return np.asarray(levels, np.uint8)
