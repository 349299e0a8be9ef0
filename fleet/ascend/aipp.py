"""AIPP: convert NV12 pictures to the network's input, by the chip's integer arithmetic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fleet.ascend.aipp_config import AippConfig, matrix_for, refuse_aipp
from fleet.core.frames import Colour
from fleet.core.geometry import Rect, Size

UNCHANGED = np.diag(np.full(3, 256, np.int64))
EXACT_IN_FLOAT32 = 1 << 24
LOWER_BYTE, BOTH_BYTES = 0x00FF, 0x0101
ONE_THREAD = 1 << 18
"""Multiplications up to which OpenBLAS keeps a product of matrices on the thread that asks for it:
a device has one core."""


class Aipp:
    """One AIPP configuration, applied to batches of pictures; one per thread.

    It works in the order of docs/chip.md#aipp-order: U/V swap, crop, colour conversion, mean, min
    and var, padding. A uint8 input gets the result of the conversion, and mean, min and var have no
    effect. Raises ModelRefusedError (E10052) where the configuration does not fit the model.
    """

    def __init__(
        self, config: AippConfig, model: Size, batch: int, dtype: DTypeLike, buffers: int = 1
    ) -> None:
        """Take the configuration, the model's input, and how many `buffers` there are for it."""
        self.config = config
        self.layout = config.layout(model)
        if np.dtype(dtype) == np.uint8 and not 0 <= config.padding_value <= 255:
            refuse_aipp(f"padding_value is {config.padding_value}.", "A uint8 input takes 0..255.")
        shape = (batch, 3, model.height, model.width)
        held = [np.full(shape, config.padding_value, dtype) for _ in range(buffers)]
        self._buffers: deque[NDArray[np.generic]] = deque(held)
        self._conversions: dict[Colour, _Conversion] = {}
        least = (_by_channel(values) for values in (config.mean_chn, config.min_chn))
        self._subtracted = [values for values in least if values.any()]
        self._factor = _by_channel(config.var_reci_chn)

    @property
    def batch(self) -> int:
        """How many pictures make a batch."""
        return len(self._buffers[0])

    @property
    def source(self) -> Size:
        """The size of the NV12 pictures that it reads."""
        return self.layout.source

    def run(self, nv12: NDArray[np.uint8], colour: Colour) -> NDArray[np.generic]:
        """Convert NV12 uint8 [N, height * 3/2, width] to the model's input [N, 3, height, width].

        N is the batch. The colour chooses the matrix where the configuration fixes none. The
        returned buffer belongs to this object, and the next call overwrites it; with n buffers, the
        n-th one. Raises ValueError for another shape.
        """
        expected = (self.batch, self.source.height * 3 // 2, self.source.width)
        if nv12.shape != expected or nv12.dtype != np.uint8:
            raise ValueError(
                f"AIPP takes NV12 uint8 {list(expected)}, not {nv12.dtype} {list(nv12.shape)}"
            )
        conversion = self._conversion(colour)
        output = self._buffers[0]
        self._buffers.rotate(-1)
        for picture, channels in zip(np.ascontiguousarray(nv12), output, strict=True):
            conversion.load(*self._cropped(picture), v_first=self.config.rbuv_swap_switch)
            part = self._inside(channels)
            for rows, colours in conversion.stretches():
                self._normalise(colours, part[:, rows])
        return output

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

    def _cropped(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        crop, height = self.layout.crop, self.source.height
        luma = picture[crop.top : crop.bottom, crop.left : crop.right]
        pairs = picture[height:].view("<u2")[crop.top // 2 : (crop.bottom + 1) // 2]
        return luma, pairs[:, crop.left // 2 : (crop.right + 1) // 2]

    def _inside(self, channels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the part of the model's input that is not padding."""
        crop = self.layout.crop
        return channels[:, self.layout.top :, self.layout.left :][:, : crop.height, : crop.width]

    def _normalise(self, colours: NDArray[np.float32], part: NDArray[np.generic]) -> None:
        if part.dtype == np.uint8:
            part[...] = colours
            return
        for least in self._subtracted:
            np.subtract(colours, least, out=colours)
        np.multiply(colours, self._factor, out=part)


def _by_channel(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, np.float32).reshape(3, 1, 1)


class _Conversion:
    """(sum of M * (YUV - bias)) >> 8, clamped to 0..255; chroma is repeated over its 2 x 2 block.

    It is computed as floor([M, -M * bias] / 256 * [Y, U, V, 1]), a product of matrices in floating
    point wide enough that each partial sum is exact, in any order: dividing by 256 only moves the
    exponent. It is done some rows at a time, which stay in the cache until they are normalised.
    """

    def __init__(self, matrix: NDArray[np.int64], bias: NDArray[np.int64], crop: Rect) -> None:
        largest = int(np.abs(matrix).sum(axis=1).max()) * 510
        dtype = np.float32 if largest < EXACT_IN_FLOAT32 else np.float64
        self._matrix = (np.column_stack([matrix, -(matrix @ bias)]) / 256).astype(dtype)
        self._size = crop.size
        rows, columns = (crop.height + 1) // 2 * 2, (crop.width + 1) // 2 * 2
        self._planes = np.zeros((3, rows, columns), np.uint8)
        self._twice = np.empty((rows // 2, columns // 2), np.uint16)
        self._rows = min(rows, max(1, ONE_THREAD // (self._matrix.size * columns)))
        """How many rows are computed at a time."""
        self._samples = np.ones((4, self._rows * columns), dtype)
        self._sums = np.empty((3, self._rows * columns), dtype)

    def load(self, luma: NDArray[np.uint8], pairs: NDArray[np.uint16], *, v_first: bool) -> None:
        """Load a picture: luma uint8 [height, width], and pairs of chroma [height / 2, width / 2].

        The first sample of a pair is its lower byte: U, or V where it comes first.
        """
        self._planes[0, : self._size.height, : self._size.width] = luma
        by_blocks = self._planes.view(np.uint16).reshape(3, len(pairs), 2, -1)
        # Both bytes of a pair become the same sample, which then covers two columns.
        np.bitwise_and(pairs, LOWER_BYTE, out=self._twice)
        np.multiply(self._twice, BOTH_BYTES, out=self._twice)
        np.copyto(by_blocks[2 if v_first else 1], self._twice[:, None])
        np.right_shift(pairs, 8, out=self._twice)
        np.multiply(self._twice, BOTH_BYTES, out=self._twice)
        np.copyto(by_blocks[1 if v_first else 2], self._twice[:, None])

    def stretches(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield rows, and their channels: integers 0..255 as float32 [3, rows, width].

        The next stretch overwrites their buffer.
        """
        _, height, columns = self._planes.shape
        planes = self._planes.reshape(3, -1)
        for top in range(0, self._size.height, self._rows):
            rows = slice(top, min(top + self._rows, height))
            part = planes[:, rows.start * columns : rows.stop * columns]
            samples, sums = (held[:, : part.shape[1]] for held in (self._samples, self._sums))
            np.copyto(samples[:3], part)
            np.matmul(self._matrix, samples, out=sums)
            np.floor(sums, out=sums)
            sums.clip(0, 255, out=sums)
            channels = sums.reshape(3, -1, columns)
            channels = channels[:, : self._size.height - top, : self._size.width]
            yield rows, channels.astype(np.float32, copy=False)
