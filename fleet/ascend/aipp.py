"""AIPP: convert NV12 pictures to the network's input, by the chip's integer arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fleet.ascend.aipp_config import AippConfig, matrix_for, refuse_aipp
from fleet.core.frames import Colour
from fleet.core.geometry import Rect, Size

UNCHANGED = np.diag(np.full(3, 256, np.int64))
EXACT_IN_FLOAT32 = 1 << 24


class Aipp:
    """One AIPP configuration, applied to batches of pictures; one per thread.

    It works in the order of docs/chip.md#aipp-order: U/V swap, crop, colour conversion, mean, min
    and var, padding. A uint8 input gets the result of the conversion, and mean, min and var have no
    effect. Raises ModelRefusedError (E10052) where the configuration does not fit the model.
    """

    def __init__(self, config: AippConfig, model: Size, batch: int, dtype: DTypeLike) -> None:
        self.config = config
        self.layout = config.layout(model)
        if np.dtype(dtype) == np.uint8 and not 0 <= config.padding_value <= 255:
            refuse_aipp(f"padding_value is {config.padding_value}.", "A uint8 input takes 0..255.")
        self._output = np.full((batch, 3, model.height, model.width), config.padding_value, dtype)
        self._conversions: dict[Colour, _Conversion] = {}

    @property
    def batch(self) -> int:
        """How many pictures make a batch."""
        return len(self._output)

    @property
    def source(self) -> Size:
        """The size of the NV12 pictures that it reads."""
        return self.layout.source

    def run(self, nv12: NDArray[np.uint8], colour: Colour) -> NDArray[np.generic]:
        """Convert NV12 uint8 [N, height * 3/2, width] to the model's input [N, 3, height, width].

        N is the batch. The colour chooses the matrix where the configuration fixes none. The
        returned buffer belongs to this object, and the next call overwrites it. Raises ValueError
        for another shape.
        """
        expected = (len(self._output), self.source.height * 3 // 2, self.source.width)
        if nv12.shape != expected or nv12.dtype != np.uint8:
            raise ValueError(
                f"AIPP takes NV12 uint8 {list(expected)}, not {nv12.dtype} {list(nv12.shape)}"
            )
        conversion = self._conversion(colour)
        for picture, channels in zip(nv12, self._output, strict=True):
            conversion.load(*self._cropped(picture))
            for index, channel in enumerate(channels):
                self._normalise(index, conversion.channel(index), channel)
        return self._output

    def _conversion(self, colour: Colour) -> _Conversion:
        if colour not in self._conversions:
            self._conversions[colour] = _Conversion(*self._matrix(colour), self.layout.crop)
        return self._conversions[colour]

    def _matrix(self, colour: Colour) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if not self.config.csc_switch:
            return UNCHANGED, np.zeros(3, np.int64)
        if self.config.matrix is None:
            return matrix_for(colour, self.config.order)
        matrix = np.array(self.config.matrix, np.int64).reshape(3, 3)
        return matrix, np.array(self.config.input_bias, np.int64)

    def _cropped(
        self, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        crop, height = self.layout.crop, self.source.height
        luma = picture[crop.top : crop.bottom, crop.left : crop.right]
        pairs = picture[height:].reshape(height // 2, self.source.width // 2, 2)
        pairs = pairs[crop.top // 2 : (crop.bottom + 1) // 2]
        pairs = pairs[:, crop.left // 2 : (crop.right + 1) // 2]
        u, v = pairs[..., 0], pairs[..., 1]
        return (luma, v, u) if self.config.rbuv_swap_switch else (luma, u, v)

    def _normalise(
        self, index: int, plane: NDArray[np.float32], channel: NDArray[np.generic]
    ) -> None:
        crop, config = self.layout.crop, self.config
        part = channel[self.layout.top :, self.layout.left :][: crop.height, : crop.width]
        if part.dtype == np.uint8:
            part[...] = plane
            return
        if config.mean_chn[index]:
            np.subtract(plane, np.float32(config.mean_chn[index]), out=plane)
        if config.min_chn[index]:
            np.subtract(plane, np.float32(config.min_chn[index]), out=plane)
        np.multiply(plane, np.float32(config.var_reci_chn[index]), out=part)


class _Conversion:
    """(sum of M * (YUV - bias)) >> 8, clamped to 0..255; chroma is repeated over its 2 x 2 block.

    It is computed as floor(sum / 256) in floating point wide enough that each partial sum is exact:
    dividing by 256 only moves the exponent. The part of the chroma, with the bias, is summed once
    for each block rather than for each pixel.
    """

    def __init__(self, matrix: NDArray[np.int64], bias: NDArray[np.int64], crop: Rect) -> None:
        largest = int(np.abs(matrix).sum(axis=1).max()) * 510
        dtype = np.float32 if largest < EXACT_IN_FLOAT32 else np.float64
        self._matrix = (matrix / 256).astype(dtype)
        self._offset = (matrix @ bias / 256).astype(dtype)
        self._size = crop.size
        blocks = ((crop.height + 1) // 2, (crop.width + 1) // 2)
        self._luma = np.zeros((blocks[0] * 2, blocks[1] * 2), dtype)
        self._sum = np.empty_like(self._luma)
        self._u, self._v, self._block, self._term = np.empty((4, *blocks), dtype)
        self._chroma = np.empty((*blocks, 2), dtype)

    def load(self, luma: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> None:
        """Load a picture's planes, uint8 [height, width] and twice [height / 2, width / 2]."""
        self._luma[: self._size.height, : self._size.width] = luma
        self._u[...] = u
        self._v[...] = v

    def channel(self, index: int) -> NDArray[np.float32]:
        """Return one channel: integers 0..255 as float32, in a buffer that the next call reuses."""
        of_y, of_u, of_v = self._matrix[index]
        rows, columns = self._block.shape
        np.multiply(self._u, of_u, out=self._block)
        np.multiply(self._v, of_v, out=self._term)
        np.add(self._block, self._term, out=self._block)
        np.subtract(self._block, self._offset[index], out=self._block)
        self._chroma[..., 0] = self._chroma[..., 1] = self._block
        np.multiply(self._luma, of_y, out=self._sum)
        pairs = self._sum.reshape(rows, 2, columns * 2)
        pairs += self._chroma.reshape(rows, 1, columns * 2)
        np.floor(self._sum, out=self._sum)
        np.clip(self._sum, 0, 255, out=self._sum)
        plane = self._sum[: self._size.height, : self._size.width]
        return plane.astype(np.float32, copy=False)
