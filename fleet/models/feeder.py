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
from fleet.models.card import ModelCard

HELD_BYTES = 2 << 20
"""Pictures of so many bytes are scaled one after the other, before AIPP and the network fill the
caches of the processor with what is theirs."""
_EXECUTE = "docs/chip.md#model-execute"


class Feeder:
    """The pictures of a network's next batches, and what AIPP makes of them; one per thread."""

    def __init__(self, card: ModelCard, clock: Clock) -> None:
        self._card = card
        self._clock = clock
        self._units = {
            gear: Aipp(card.aipp, card.size, gear, card.dtype) for gear in card.batch_sizes
        }
        self.aipp = self._units[card.batch]
        source = self.aipp.source
        batches = max(1, HELD_BYTES // card.input_bytes)
        self.slots = card.batch * batches
        """How many pictures it holds: those of one whole batch or more."""
        self._nv12 = np.zeros((self.slots, source.height * 3 // 2, source.width), np.uint8)

    def fill(self, slot: int, placed: Picture) -> None:
        """Put a picture of AIPP's size into a slot, from 0."""
        with self._clock.stage("vpc"):
            copy_tight(placed, self._nv12[slot])

    def tensors(self, count: int, colour: Colour) -> Iterator[tuple[NDArray[np.generic], int]]:
        """Yield the network's inputs for the first `count` slots, and how many each holds.

        Each is of the smallest batch that fits. Slots that were not filled hold earlier pictures;
        their outputs are never read. The next input overwrites the buffer.
        """
        for first in range(0, count, self._card.batch):
            held = min(self._card.batch, count - first)
            size = min(size for size in self._units if size >= held)
            with self._clock.stage("aipp"):
                tensor = self._units[size].run(self._nv12[first : first + size], colour)
            yield tensor, held

    def tensor(self, count: int, colour: Colour) -> NDArray[np.generic]:
        """Return the one input for the first `count` slots, of one batch at most; see `tensors`."""
        tensor, _ = next(self.tensors(count, colour))
        return tensor

    def convert(self, nv12: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return the network's input for a batch of pictures, see `Network.convert`."""
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
