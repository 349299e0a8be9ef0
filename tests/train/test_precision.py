"""The simulated numbers of a 910: float16 that saturates, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, min_size=1, max_size=20))
def test_rounding_is_float16_held_within_its_range(numbers: list[float]) -> None:
    """As NumPy rounds, with +-65504 where NumPy gives infinity; the status is raised only there."""
    import torch

    from fleet.train.numerics.overflow import FloatStatus
    from fleet.train.numerics.precision import saturate

    status = FloatStatus()
    found = saturate(torch.tensor(numbers, dtype=torch.float32), status, "layer").numpy()
    with np.errstate(over="ignore"):
        half = np.array(numbers, np.float32).astype(np.float16)
    expected = np.clip(half.astype(np.float32), -65504, 65504)
    assert np.array_equal(found, expected)
    assert bool(status.get_and_clear()) == bool(np.isinf(half).any())


def test_a_sum_beyond_float16_is_no_overflow() -> None:
    """Values at the end of the range are sound, however many there are."""
    import torch

    from fleet.train.numerics.overflow import FloatStatus
    from fleet.train.numerics.precision import saturate

    status = FloatStatus()
    saturate(torch.full((4096,), 65504.0), status, "layer")
    assert not status.get_and_clear()


def test_what_is_no_number_raises_the_status() -> None:
    """It becomes 0, as on the chip no NaN is seen afterwards."""
    import torch

    from fleet.train.numerics.overflow import FloatStatus
    from fleet.train.numerics.precision import saturate

    status = FloatStatus()
    assert saturate(torch.tensor([float("nan"), 2.0]), status, "layer").tolist() == [0.0, 2.0]
    assert [item.tensor for item in status.get_and_clear()] == ["layer"]


def _conv(mode: str) -> tuple[object, object]:
    import torch

    from fleet.train.numerics.overflow import FloatStatus
    from fleet.train.numerics.precision import CubeConv, PrecisionMode, set_precision

    torch.manual_seed(5)
    conv = torch.nn.Sequential(CubeConv(3, 4, 3, padding=1))
    status = FloatStatus()
    set_precision(conv, PrecisionMode(mode), status)
    return conv, status


def test_mixed_precision_computes_a_convolution_in_float16() -> None:
    """Its result, and the gradients to weights and input, are numbers of float16."""
    import torch

    conv, _ = _conv("allow_mix_precision")
    values = torch.rand(2, 3, 8, 8, requires_grad=True)
    result = conv(values)  # type: ignore[operator]
    (result * torch.rand(2, 4, 8, 8)).sum().backward()
    weight = next(iter(conv.parameters()))  # type: ignore[attr-defined]
    for tensor in (result, weight.grad, values.grad):
        assert torch.equal(tensor, tensor.half().float())
    assert not torch.equal(weight, weight.half().float()), "the weights stay in float32"


def test_float32_is_left_alone() -> None:
    """force_fp32 gives what an ordinary convolution gives, bit for bit."""
    import torch

    conv, _ = _conv("force_fp32")
    plain = torch.nn.Conv2d(3, 4, 3, padding=1)
    plain.load_state_dict(conv[0].state_dict())  # type: ignore[index]
    values = torch.rand(2, 3, 8, 8)
    assert torch.equal(conv(values), plain(values))  # type: ignore[operator]


@pytest.mark.parametrize(("scale", "place"), [(1.0, None), (1e9, "0.output (gradient)")])
def test_a_gradient_beyond_the_range_is_told_from_one_within(
    scale: float, place: str | None
) -> None:
    """The tell-tale is the status: what comes out is finite either way."""
    import torch

    conv, status = _conv("allow_mix_precision")
    (conv(torch.rand(1, 3, 4, 4)).sum() * scale).backward()  # type: ignore[operator]
    weight = next(iter(conv.parameters()))  # type: ignore[attr-defined]
    assert torch.isfinite(weight.grad).all()
    raised = status.get_and_clear()  # type: ignore[attr-defined]
    assert (raised[0].tensor if raised else None) == place
