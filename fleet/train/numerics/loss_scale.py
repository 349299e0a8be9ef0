"""Loss scaling as on the 910: the loss is multiplied by a scale, so that small gradients survive.

The managers follow docs/chip.md#train-fixed and docs/chip.md#train-exponential.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet.errors import UsageError

LARGEST = 3.4028234663852886e38
"""The largest float32, and so the largest scale."""


class LossScaleManager(Protocol):
    """A rule for the scale of the next step, which depends on the steps before."""

    @property
    def loss_scale(self) -> float:
        """The scale of the next step, at least 1."""

    def update(self, *, overflow: bool) -> None:
        """Count a step, and change the scale where the rule asks for it."""

    def state(self) -> dict[str, float]:
        """Return the state for a checkpoint."""

    def restore(self, state: dict[str, float]) -> None:
        """Resume from a checkpoint's state."""


@dataclass
class FixedLossScaleManager:
    """The same scale in every step."""

    loss_scale: float = 1024.0

    def __post_init__(self) -> None:
        _check_scale(self.loss_scale)

    def update(self, *, overflow: bool) -> None:
        """Do nothing."""

    def state(self) -> dict[str, float]:
        """See LossScaleManager."""
        return {"loss_scale": self.loss_scale}

    def restore(self, state: dict[str, float]) -> None:
        """See LossScaleManager."""
        self.loss_scale = state["loss_scale"]


@dataclass
class ExponentialUpdateLossScaleManager:
    """A scale that grows after so many good steps in a row, and shrinks after so many bad ones.

    A bad step ends a row of good steps; good steps between bad ones do not matter. Both counts
    start again whenever the scale changes, or would change if it were not at its limit: it stays
    between 1 and the largest float32.
    """

    init_loss_scale: float = 2.0**32
    """The scale of the first step."""
    incr_every_n_steps: int = 1000
    """Good steps in a row after which the scale grows."""
    decr_every_n_nan_or_inf: int = 2
    """Bad steps after which the scale shrinks."""
    incr_ratio: float = 2.0
    """The factor by which it grows, above 1."""
    decr_ratio: float = 0.8
    """The factor by which it shrinks, between 0 and 1."""

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
        """See LossScaleManager."""
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
