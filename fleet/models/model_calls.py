"""A loaded model by the calls of AscendCL: bytes go in as AIPP reads them, bytes come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.codes import Code, raise_device_error
from fleet.models.network import Network
from fleet.models.session import TensorInfo


@dataclass(frozen=True)
class ModelCalls:
    """What `aclmdl...` says and does of a model that is loaded on a device.

    An index counts the inputs in their order; one that the model does not have is answered with
    145000.
    """

    network: Network

    def input_dims(self, index: int = 0) -> TensorInfo:
        """Return how an input is declared, as aclmdlGetInputDims does.

        The one before AIPP is uint8 in NHWC, and NV12 counts as one channel
        (docs/chip.md#aipp-declared).
        """
        if self._is_picture(index):
            card = self.network.card
            height, width = card.source.height, card.source.width
            return TensorInfo(card.input_name, "uint8", (card.batch, height, width, 1))
        return self._further(index)

    def input_bytes(self, index: int = 0) -> int:
        """Return the bytes of an input, as aclmdlGetInputSizeByIndex does; NV12 has 3/2 a pixel."""
        if self._is_picture(index):
            return self.network.card.input_bytes
        return self._further(index).nbytes

    def aipp(self, index: int = 0) -> AippConfig:
        """Return the static AIPP of an input, as aclmdlGetFirstAippInfo does.

        Raises DeviceError (145015) for an input without one.
        """
        if not self._is_picture(index):
            message = f"{self.network} has no AIPP on its input {self._further(index).name}."
            code, rule = Code.ACL_ERROR_GE_AIPP_NOT_EXIST, "docs/chip.md#aipp-info"
            raise_device_error(code, message, "Ask for the picture's input.", rule)
        return self.network.card.aipp

    def execute(self, *inputs: bytes) -> list[bytes]:
        """Run a batch, as aclmdlExecute does: the bytes of each input, in order; of each output.

        Inputs behind the picture that are left out have their own values. Raises DeviceError:
        145000 for another number of inputs, or of bytes of one, and as `Network.execute` does.
        """
        order = self.network.input_order
        picture = order.index(self.network.card.input_name)
        if not picture < len(inputs) <= len(order):
            self._refuse(f"takes {len(order)} inputs, not {len(inputs)}", "Give the picture's.")
        for index, given in enumerate(inputs):
            if len(given) != self.input_bytes(index):
                what = f"takes {self.input_bytes(index)} bytes of {order[index]}, not {len(given)}"
                self._refuse(what, "Feed whole batches of tight pictures.")
        card = self.network.card
        shape = (card.batch, card.source.height * 3 // 2, card.source.width)
        pictures = np.frombuffer(inputs[picture], np.uint8).reshape(shape)
        infos = {at: self._further(at) for at in range(len(inputs)) if at != picture}
        further = {
            info.name: np.frombuffer(inputs[at], info.dtype).reshape(info.shape)
            for at, info in infos.items()
        }
        outputs = self.network.execute(self.network.convert(pictures), further)
        return [output.tobytes() for output in outputs]

    def _is_picture(self, index: int) -> bool:
        order = self.network.input_order
        if not 0 <= index < len(order):
            self._refuse(f"has {len(order)} inputs, and none of number {index}", "Count from 0.")
        return order[index] == self.network.card.input_name

    def _further(self, index: int) -> TensorInfo:
        name = self.network.input_order[index]
        return next(info for info in self.network.further_inputs if info.name == name)

    def _refuse(self, what: str, way_out: str) -> NoReturn:
        code, rule = Code.ACL_ERROR_GE_PARAM_INVALID, "docs/chip.md#model-bytes"
        raise_device_error(code, f"{self.network} {what}.", way_out, rule)
