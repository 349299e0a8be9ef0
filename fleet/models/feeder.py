"""The way from pictures in device memory to a network's input: NV12 side by side, then AIPP."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.ascend.clock import Clock
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.surface import copy_tight
from fleet.core.frames import Colour, Picture
from fleet.errors import UsageError
from fleet.models.card import ModelCard

MOST_AHEAD = 4
"""Batches of a network that are made ready at a time: a job usually gets four pictures at once."""
HELD_BYTES, FED_BYTES = 2 << 20, 6 << 20
"""Pictures of so many bytes are scaled one after the other, and inputs of so many bytes are made of
them: in turn with the network, which fills the caches of the processor, each would begin cold."""
_OVERWRITTEN = (
    "The network was used for something else between two of its inputs, which are made ready ahead "
    "and overwritten by that."
)
_EXECUTE = "docs/chip.md#model-execute"


class Feeder:
    """The pictures of a network's next batches, and what AIPP makes of them; one per thread."""

    def __init__(self, card: ModelCard, clock: Clock) -> None:
        self._card = card
        self._clock = clock
        tensor_bytes = card.batch * 3 * card.size.pixels * np.dtype(card.dtype).itemsize
        self._ahead = max(1, min(MOST_AHEAD, FED_BYTES // tensor_bytes))
        self._units = {
            gear: self._unit(gear, self._ahead if gear == card.batch else 1)
            for gear in card.batch_sizes
        }
        self.aipp = self._units[card.batch]
        self._turn = 0
        """Of pictures and inputs that overwrite those before."""
        source = self.aipp.source
        self.slots = card.batch * max(1, min(MOST_AHEAD, HELD_BYTES // card.input_bytes))
        """How many pictures it holds: those of one whole batch or more."""
        self._nv12 = np.zeros((self.slots, source.height * 3 // 2, source.width), np.uint8)

    def fill(self, slot: int, placed: Picture) -> None:
        """Put a picture of AIPP's size into a slot; those of a turn, in order from 0."""
        if slot == 0:
            self._turn += 1
        with self._clock.stage("vpc"):
            copy_tight(placed, self._nv12[slot])

    def tensors(self, count: int, colour: Colour) -> Iterator[tuple[NDArray[np.generic], int]]:
        """Yield the network's inputs for the first `count` slots, and how many each holds.

        Each is of the smallest batch that fits. Slots that were not filled hold earlier pictures;
        their outputs are never read. A later input overwrites the buffer. Raises UsageError where
        slots were filled, or a batch converted, between two of them.
        """
        turn = self._turn
        step = self._card.batch
        for start in range(0, count, step * self._ahead):
            firsts = range(start, min(count, start + step * self._ahead), step)
            held = [min(step, count - first) for first in firsts]
            with self._clock.stage("aipp"):
                made = [self._made(*slots, colour) for slots in zip(firsts, held, strict=True)]
            for tensor, count_held in zip(made, held, strict=True):
                if self._turn != turn:
                    raise UsageError(_OVERWRITTEN, "Take its inputs first, or load it once more.")
                yield tensor, count_held

    def tensor(self, count: int, colour: Colour) -> NDArray[np.generic]:
        """Return the one input for the first `count` slots, of one batch at most; see `tensors`."""
        tensor, _ = next(self.tensors(count, colour))
        return tensor

    def _unit(self, batch: int, buffers: int) -> Aipp:
        return Aipp(self._card.aipp, self._card.size, batch, self._card.dtype, buffers)

    def _made(self, first: int, held: int, colour: Colour) -> NDArray[np.generic]:
        size = min(size for size in self._units if size >= held)
        return self._units[size].run(self._nv12[first : first + size], colour)

    def convert(self, nv12: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return the network's input for a batch of pictures, see `Network.convert`."""
        self._turn += 1
        with self._clock.stage("aipp"):
            return self._units.get(len(nv12), self.aipp).run(nv12, Colour())

    def check(self, tensor: NDArray[np.generic], who: object) -> None:
        """Raise DeviceError (145013, 145021, 145022) for what is no input of the network `who`."""
        card = self._card
        picture = (3, card.size.height, card.size.width)
        is_batch = tensor.shape[1:] == picture
        if not is_batch or (not card.gears and len(tensor) != card.batch):
            message = f"{who} takes an input {[card.batch, *picture]}, not {list(tensor.shape)}."
            code, way_out = Code.ACL_ERROR_GE_SHAPE_INVALID, "Feed whole batches."
            raise_device_error(code, message, way_out, _EXECUTE)
        if len(tensor) not in card.batch_sizes:
            gears = ", ".join(map(str, card.gears))
            message = f"{who} takes batches of {gears}, not of {len(tensor)}."
            way_out = "Feed the smallest that holds the pictures."
            code = Code.ACL_ERROR_GE_DYNAMIC_BATCH_SIZE_INVALID
            raise_device_error(code, message, way_out, _EXECUTE)
        if tensor.dtype != card.dtype:
            message = f"{who} takes an input of {card.dtype}, not {tensor.dtype}."
            code, way_out = Code.ACL_ERROR_GE_DATATYPE_INVALID, "Convert it first."
            raise_device_error(code, message, way_out, _EXECUTE)
