"""The time and memory of a training step on a real chip: modelled, not measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fleet.ascend.memory import Memory
from fleet.ascend.soc import MB, Soc
from fleet.core.geometry import Size
from fleet.train.numerics.precision import CubeConv, PrecisionMode

PASSES = 3
"""Forward, and backward to the inputs and to the weights; each costs as much as forward."""
_OPTIMISER_BYTES = 8
"""AdamW keeps two float32 values a weight."""


@dataclass(frozen=True)
class StepUse:
    """The modelled use of a chip by one step."""

    soc: Soc
    """The chip."""
    chip_s: float | None
    """Seconds of its cube units; None where no rate is documented for the precision."""
    memory_bytes: int
    """The memory in use."""

    def line(self, sec_per_step: float) -> str:
        """Return a part of a log line, for steps of so many seconds on this machine."""
        busy = "-" if self.chip_s is None else f"{self.chip_s / sec_per_step:.2%}"
        memory = f"{self.memory_bytes / MB:,.0f} / {self.soc.memory_bytes / MB:,.0f} MB"
        return f"AI core {busy}  memory {memory} (modelled, simulated {self.soc.name})"


def step_use(
    network: nn.Module, soc: Soc, mode: PrecisionMode, batch: int, canvas: Size
) -> StepUse:
    """Return the use by a step of `batch` pictures: a lower bound, at the cube units' float16 peak.

    The memory holds weights, gradients and optimiser in float32, weights once more in float16 where
    the mode has it, and the result of every layer, which the backward pass needs: of convolutions
    in float16 or float32, of the others in float32. Raises DeviceOutOfMemoryError where that is
    more than the chip has.
    """
    mixed = mode is PrecisionMode.ALLOW_MIX_PRECISION
    macs, results_bytes = _one_picture(network, canvas, 2 if mixed else 4)
    weights = sum(value.numel() for value in network.parameters())
    memory = Memory(soc.memory_bytes)
    memory.allocate(weights * 4, "weights")
    memory.allocate(weights * 4, "gradients")
    memory.allocate(weights * _OPTIMISER_BYTES, "optimiser")
    memory.allocate(max(1, weights * 2 * mixed), "weights in float16")
    memory.allocate(results_bytes * batch, "results kept for the backward pass")
    chip_s = 2 * PASSES * macs * batch / (soc.peak_tflops * 1e12) if mixed else None
    return StepUse(soc, chip_s, memory.used_bytes)


def _one_picture(network: nn.Module, canvas: Size, conv_bytes: int) -> tuple[int, int]:
    """Return the multiply-accumulates, and the bytes of all results, for one picture."""
    macs, results_bytes = 0, 0

    def count(layer: nn.Module, _: object, result: torch.Tensor) -> None:
        nonlocal macs, results_bytes
        is_conv = isinstance(layer, CubeConv)
        results_bytes += result.numel() * (conv_bytes if is_conv else 4)
        if isinstance(layer, CubeConv):
            macs += result.numel() * layer.weight[0].numel()

    leaves = [layer for layer in network.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(count) for layer in leaves]
    was_training = network.training
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, 3, canvas.height, canvas.width))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return macs, results_bytes
