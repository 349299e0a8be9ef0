"""The float status of the device: which tensors saturated, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Values = np.ndarray[Any, np.dtype[np.float32]]
_ATOMIC = (".weight (gradient)", ".bias (gradient)")


@dataclass(frozen=True, eq=False)
class Overflow:
    """One operand or result that went beyond the range."""

    tensor: str
    """The layer and which of its tensors, such as `stem.0.output`."""
    values: Values | None = None
    """The values before they were held within the range; None where they are not to be dumped."""

    @property
    def atomic(self) -> bool:
        """Return whether it is a sum over a batch (atomic additions), not one operator's result."""
        return self.tensor.endswith(_ATOMIC)


class FloatStatus:
    """A flag of the device that operators raise; the 910 saturates and never returns infinity.

    It is used as NPULossScaleOptimizer does (docs/chip.md#train-status): `alloc` before a step,
    then `get_and_clear`. `keeps_values`: whether it keeps tensors for a dump.
    """

    def __init__(self, *, keeps_values: bool = False) -> None:
        self.keeps_values = keeps_values
        self._raised: dict[str, Overflow] = {}

    def alloc(self) -> None:
        """Clear the flag."""
        self._raised = {}

    def raise_by(self, tensor: str, values: Callable[[], Values]) -> None:
        """Raise the flag for a tensor; `values` returns its values if they are to be kept."""
        if tensor not in self._raised:
            self._raised[tensor] = Overflow(tensor, values() if self.keeps_values else None)

    def get_and_clear(self) -> tuple[Overflow, ...]:
        """Return the tensors that raised the flag, in their order, and clear it."""
        raised, self._raised = tuple(self._raised.values()), {}
        return raised
