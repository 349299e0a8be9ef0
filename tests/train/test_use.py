"""What a step would take of a real chip, counted by hand for a network of one layer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.ascend.soc import MB, Ascend910A
from fleet.core.geometry import Size
from fleet.errors import DeviceOutOfMemoryError

CANVAS = Size(32, 16)
MACS = 4 * 32 * 16 * 3 * 9
"""Of one convolution from 3 to 4 channels, 3x3, whose result is as large as the picture."""
WEIGHTS = 4 * 3 * 9 + 4


def test_the_chip_is_the_documented_one() -> None:
    """Its figures are those of docs/chip.md#train-memory and docs/chip.md#train-fp16."""
    assert Ascend910A.name == "Ascend910A"
    assert (Ascend910A.memory_bytes, Ascend910A.fp16_tflops) == (32768 * MB, 256)


def test_a_step_is_counted_forward_and_backward() -> None:
    """Two operations a multiply-accumulate, three passes, float16 at its peak."""
    import torch

    from fleet.train.numerics.precision import CubeConv, PrecisionMode
    from fleet.train.numerics.use import step_use

    network = torch.nn.Sequential(CubeConv(3, 4, 3, padding=1))
    mixed = step_use(network, Ascend910A, PrecisionMode.ALLOW_MIX_PRECISION, 8, CANVAS)
    assert mixed.chip_s == pytest.approx(2 * 3 * MACS * 8 / 262.144e12)
    single = step_use(network, Ascend910A, PrecisionMode.FORCE_FP32, 8, CANVAS)
    assert single.chip_s is None
    held = 4 * 32 * 16 * 8
    # Every allocation is rounded up to 32 bytes and costs 32 more.
    assert 0 <= mixed.memory_bytes - (WEIGHTS * (4 + 4 + 8 + 2) + held * 2) < 5 * 64
    assert 0 <= single.memory_bytes - (WEIGHTS * (4 + 4 + 8) + held * 4) < 5 * 64
    assert "AI core - " in single.line(0.5)
    assert "(modelled, simulated Ascend910A)" in mixed.line(0.5)


def test_what_does_not_fit_on_the_chip_is_refused() -> None:
    """Before a step is made."""
    import torch

    from fleet.train.numerics.precision import CubeConv, PrecisionMode
    from fleet.train.numerics.use import step_use

    network = torch.nn.Sequential(CubeConv(3, 4, 3, padding=1))
    tiny = replace(Ascend910A, memory_bytes=20_000)
    with pytest.raises(DeviceOutOfMemoryError, match="backward"):
        step_use(network, tiny, PrecisionMode.FORCE_FP32, 8, CANVAS)
