"""The numbers of a simulated Ascend 910: float16 that saturates, where its cube units compute.

`allow_mix_precision`: the white list, here all convolutions, in float16: inputs, weights, results
and the gradients of all three are rounded to float16 and held within +-65504; sums are formed in
float32, as the cube units do. Batch norm, activations and loss stay in float32 (ascend_spec
section 8, "precision_mode", "Overflow style"). `force_fp32`: everything in float32.
`host_bfloat16`: no mode of the 910, which has no bfloat16, but this machine's quickest.
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
    """How numbers are kept; see above."""

    ALLOW_MIX_PRECISION = "allow_mix_precision"
    FORCE_FP32 = "force_fp32"
    HOST_BFLOAT16 = "host_bfloat16"


class CubeConv(nn.Conv2d):
    """A convolution on the cube units; `numerics` is set for float16, None computes in float32.

    `swell`: for tests, what the next result is multiplied with.
    """

    numerics: FloatStatus | None = None
    layer: str = ""
    swell: float = 1.0

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
    """Have a network's convolutions compute in a mode, and raise `status`."""
    for name, layer in network.named_modules():
        if isinstance(layer, CubeConv):
            layer.layer = name
            mixed = mode is PrecisionMode.ALLOW_MIX_PRECISION
            layer.numerics = status if mixed else None


def computing(mode: PrecisionMode) -> AbstractContextManager[Any]:
    """Give the context that a network runs forward in."""
    half = mode is PrecisionMode.HOST_BFLOAT16
    context: AbstractContextManager[Any] = torch.autocast("cpu", torch.bfloat16, enabled=half)
    return context


@contextmanager
def passing_through(network: nn.Module) -> Iterator[dict[str, Values]]:
    """Keep what goes into and comes out of the convolutions meanwhile: `stem.0.input`, f32."""
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
    """Round float32 values to float16, held within +-65504; raises the status if any was beyond.

    What is no number becomes 0, and raises the status too.
    """
    half = values.to(torch.float16)
    # Beyond the range the conversion gives infinity, and the sum of all is then no finite number.
    if not torch.isfinite(half.sum(dtype=torch.float32)):
        status.raise_by(name, lambda: values.detach().contiguous().numpy().copy())
        held = torch.nan_to_num(values, 0.0, LARGEST_HALF, -LARGEST_HALF)
        half = held.clamp(-LARGEST_HALF, LARGEST_HALF).to(torch.float16)
    return half.to(torch.float32)
