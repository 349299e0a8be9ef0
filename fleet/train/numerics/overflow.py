"""The device's float status: whether anything saturated, and in which layer first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Values = np.ndarray[Any, np.dtype[np.float32]]
_ATOMIC = (".weight (gradient)", ".bias (gradient)")


@dataclass(frozen=True, eq=False)
class Overflow:
    """One operand or result that went beyond the range.

    `place`: the layer and which of its tensors, such as `stem.0.output`. `values`: the tensor
    before it was held within the range; None where no dump was asked for.
    """

    place: str
    values: Values | None = None

    @property
    def atomic(self) -> bool:
        """Whether it came of summing up over a batch (atomic additions), not of one operator."""
        return self.place.endswith(_ATOMIC)


class FloatStatus:
    """A flag on the device that operators raise; the 910 saturates and does not give infinity.

    Used as NPULossScaleOptimizer does (ascend_spec section 8): `alloc` before a step, then
    `get_and_clear`. `keeps_values`: whether tensors are kept for a dump.
    """

    def __init__(self, *, keeps_values: bool = False) -> None:
        self.keeps_values = keeps_values
        self._raised: dict[str, Overflow] = {}

    def alloc(self) -> None:
        """Lower the flag."""
        self._raised = {}

    def raise_by(self, place: str, values: Callable[[], Values]) -> None:
        """Raise the flag; `values` gives the tensor if it is to be kept."""
        if place not in self._raised:
            self._raised[place] = Overflow(place, values() if self.keeps_values else None)

    def get_and_clear(self) -> tuple[Overflow, ...]:
        """Tell who raised the flag, the first first, and lower it; empty: all is well."""
        raised, self._raised = tuple(self._raised.values()), {}
        return raised
