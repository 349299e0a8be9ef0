"""The arithmetic of a simulated Ascend 910: float16 that saturates, where its cube units compute.

With `allow_mix_precision` the operators of the white list, here all convolutions, use float16:
inputs, weights, results and the gradients of all three are rounded to float16 and held within
+-65504; sums are formed in float32, as in the cube units. Batch norm, activations and loss stay in
float32 (docs/chip.md#train-lists and docs/chip.md#train-saturation). With `force_fp32` everything
is in float32. `host_bfloat16` is no mode of the 910, which has no bfloat16, but the fastest one
here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from fleet.train.numerics.overflow import FloatStatus, Values

LARGEST_HALF = 65504.0


class PrecisionMode(StrEnum):
    """The precision of the computation; see above."""

    ALLOW_MIX_PRECISION = "allow_mix_precision"
    FORCE_FP32 = "force_fp32"
    HOST_BFLOAT16 = "host_bfloat16"


class CubeConv(nn.Conv2d):
    """A convolution on the cube units."""

    numerics: FloatStatus | None = None
    """The status to raise, in float16; None computes in float32."""
    layer: str = ""
    """The name of the layer in its network."""
    swell: float = 1.0
    """For tests: the factor of the next result."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """Convolve [N, channels, height, width]."""
        if self.numerics is None:
            return self._swollen(super().forward(input))
        status, name = self.numerics, self.layer
        weight = _round(self.weight, status, f"{name}.weight")
        bias = None if self.bias is None else _round(self.bias, status, f"{name}.bias")
        result = self._conv_forward(_round(input, status, f"{name}.input"), weight, bias)
        return _round(self._swollen(result), status, f"{name}.output")

    def _swollen(self, result: Tensor) -> Tensor:
        if self.swell == 1.0:
            return result
        result, self.swell = result * self.swell, 1.0
        return result


def set_precision(network: nn.Module, mode: PrecisionMode, status: FloatStatus) -> None:
    """Set the mode in which a network's convolutions compute, and the status that they raise."""
    for name, layer in network.named_modules():
        if isinstance(layer, CubeConv):
            layer.layer = name
            mixed = mode is PrecisionMode.ALLOW_MIX_PRECISION
            layer.numerics = status if mixed else None


def computing(mode: PrecisionMode) -> AbstractContextManager[Any]:
    """Return the context for a network's forward pass."""
    half = mode is PrecisionMode.HOST_BFLOAT16
    context: AbstractContextManager[Any] = torch.autocast("cpu", torch.bfloat16, enabled=half)
    return context


@contextmanager
def passing_through(network: nn.Module) -> Iterator[dict[str, Values]]:
    """Yield the inputs and outputs of the convolutions meanwhile, f32 by name: `stem.0.input`."""
    kept: dict[str, Values] = {}

    def keep(layer: nn.Module, inputs: tuple[Tensor, ...], result: Tensor) -> None:
        assert isinstance(layer, CubeConv)
        for name, values in (("input", inputs[0]), ("output", result)):
            kept[f"{layer.layer}.{name}"] = values.detach().float().contiguous().numpy().copy()

    layers = [layer for layer in network.modules() if isinstance(layer, CubeConv)]
    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


class _Rounding(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, status: FloatStatus, name: str) -> Tensor:
        ctx.status, ctx.name = status, name
        return saturate(values, status, name)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return saturate(gradients[0], ctx.status, f"{ctx.name} (gradient)"), None, None


def _round(values: Tensor, status: FloatStatus, name: str) -> Tensor:
    rounded: Tensor = _Rounding.apply(values, status, name)
    return rounded


def saturate(values: Tensor, status: FloatStatus, name: str) -> Tensor:
    """Return float32 values rounded to float16, within +-65504; one beyond raises the status.

    NaN becomes 0, and raises the status as well.
    """
    half = values.to(torch.float16)
    # Beyond the range the conversion returns infinity, and the sum is then not finite either.
    if not torch.isfinite(half.sum(dtype=torch.float32)):
        status.raise_by(name, lambda: values.detach().contiguous().numpy().copy())
        held = torch.nan_to_num(values, 0.0, LARGEST_HALF, -LARGEST_HALF)
        half = held.clamp(-LARGEST_HALF, LARGEST_HALF).to(torch.float16)
    return half.to(torch.float32)
