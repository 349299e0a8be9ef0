"""Loss scaling as on the 910: what the loss is multiplied with, so that small gradients survive.

By ascend_spec section 8, "FixedLossScaleManager" and "ExponentialUpdateLossScaleManager".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet.errors import UsageError

LARGEST = 3.4028234663852886e38
"""The largest float32: the scale never grows past it."""


class LossScaleManager(Protocol):
    """Decides the scale of the next step by how the steps before went."""

    @property
    def loss_scale(self) -> float:
        """The scale of the next step, at least 1."""

    def update(self, *, overflow: bool) -> None:
        """Take in how a step went."""

    def state(self) -> dict[str, float]:
        """Give what is to be kept in a checkpoint."""

    def restore(self, state: dict[str, float]) -> None:
        """Go on from a checkpoint's state."""


@dataclass
class FixedLossScaleManager:
    """The same scale in every step."""

    loss_scale: float = 1024.0

    def __post_init__(self) -> None:
        _check_scale(self.loss_scale)

    def update(self, *, overflow: bool) -> None:
        """Nothing changes."""

    def state(self) -> dict[str, float]:
        """See LossScaleManager."""
        return {"loss_scale": self.loss_scale}

    def restore(self, state: dict[str, float]) -> None:
        """See LossScaleManager."""
        self.loss_scale = state["loss_scale"]


@dataclass
class ExponentialUpdateLossScaleManager:
    """Grows after so many good steps in a row, shrinks after so many bad ones.

    Good steps count in a row, a bad one ends the row; bad steps are summed, good ones between them
    do not matter. Both counts begin anew whenever the scale changes, or would if it were not at
    its end: it is never below 1 and does not grow past the largest float32.
    """

    init_loss_scale: float = 2.0**32
    incr_every_n_steps: int = 1000
    decr_every_n_nan_or_inf: int = 2
    incr_ratio: float = 2.0
    decr_ratio: float = 0.8

    def __post_init__(self) -> None:
        _check_scale(self.init_loss_scale)
        if min(self.incr_every_n_steps, self.decr_every_n_nan_or_inf) < 1:
            raise UsageError("The loss scale is to change every 0 steps.", "Use 1 or more.")
        if self.incr_ratio <= 1 or not 0 < self.decr_ratio < 1:
            raise UsageError(
                f"Ratios of {self.incr_ratio:g} and {self.decr_ratio:g} do not move a loss scale.",
                "incr_ratio is above 1, decr_ratio between 0 and 1.",
            )
        self.loss_scale = self.init_loss_scale
        self.good_steps = 0
        self.bad_steps = 0

    def update(self, *, overflow: bool) -> None:
        """Take in how a step went."""
        if overflow:
            self.good_steps = 0
            self.bad_steps += 1
            if self.bad_steps >= self.decr_every_n_nan_or_inf:
                self._change(max(1.0, self.loss_scale * self.decr_ratio))
        else:
            self.good_steps += 1
            if self.good_steps >= self.incr_every_n_steps:
                grown = self.loss_scale * self.incr_ratio
                self._change(grown if grown < LARGEST else self.loss_scale)

    def _change(self, loss_scale: float) -> None:
        self.loss_scale = loss_scale
        self.good_steps = self.bad_steps = 0

    def state(self) -> dict[str, float]:
        """See LossScaleManager."""
        counts = {"good_steps": self.good_steps, "bad_steps": self.bad_steps}
        return {"loss_scale": self.loss_scale, **counts}

    def restore(self, state: dict[str, float]) -> None:
        """See LossScaleManager."""
        self.loss_scale = state["loss_scale"]
        self.good_steps, self.bad_steps = int(state["good_steps"]), int(state["bad_steps"])


def _check_scale(loss_scale: float) -> None:
    if not 1 <= loss_scale <= LARGEST:
        raise UsageError(f"A loss scale of {loss_scale:g} was asked.", "Use 1 or more.")
