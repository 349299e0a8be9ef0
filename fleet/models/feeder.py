"""The way from pictures in device memory to a network's input: NV12 side by side, then AIPP."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.ascend.clock import Clock
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.surface import tight
from fleet.core.frames import Colour, Picture
from fleet.models.card import ModelCard

_EXECUTE = "docs/chip.md#model-execute"


class Feeder:
    """The pictures of one batch of a network, and what AIPP makes of them; one per thread."""

    def __init__(self, card: ModelCard, clock: Clock) -> None:
        self._card = card
        self._clock = clock
        self._units = {
            gear: Aipp(card.aipp, card.size, gear, card.dtype) for gear in card.batch_sizes
        }
        self.aipp = self._units[card.batch]
        source = self.aipp.source
        self._nv12 = np.zeros((card.batch, source.height * 3 // 2, source.width), np.uint8)

    def fill(self, slot: int, placed: Picture) -> None:
        """Put a picture of AIPP's size into a slot of the batch, from 0."""
        with self._clock.stage("vpc"):
            self._nv12[slot] = tight(placed)

    def tensor(self, count: int, colour: Colour) -> NDArray[np.generic]:
        """Return the network's input for the first `count` slots, in the smallest batch that fits.

        Slots that were not filled hold earlier pictures; their outputs are never read. The buffer
        is overwritten by the next call.
        """
        size = min(size for size in self._units if size >= count)
        with self._clock.stage("aipp"):
            return self._units[size].run(self._nv12[:size], colour)

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
