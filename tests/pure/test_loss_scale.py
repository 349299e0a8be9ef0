"""Loss scale managers, against the documented rules told in other words."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import UsageError
from fleet.train.numerics.loss_scale import (
    LARGEST,
    ExponentialUpdateLossScaleManager,
    FixedLossScaleManager,
)

STEPS = st.lists(st.booleans(), max_size=200)


def small(**changes: float) -> ExponentialUpdateLossScaleManager:
    """Make a manager that grows after 3 good steps and shrinks after 2 bad ones."""
    given_ = {"init_loss_scale": 1024.0, "incr_every_n_steps": 3, "decr_ratio": 0.5, **changes}
    return ExponentialUpdateLossScaleManager(**given_)  # type: ignore[arg-type]


def run(manager: ExponentialUpdateLossScaleManager, overflows: list[bool]) -> list[float]:
    """Give the scale after each step."""
    scales = []
    for overflow in overflows:
        manager.update(overflow=overflow)
        scales.append(manager.loss_scale)
    return scales


@given(STEPS)
def test_a_fixed_scale_stays(overflows: list[bool]) -> None:
    """1024 unless told otherwise, whatever happens."""
    manager = FixedLossScaleManager()
    for overflow in overflows:
        manager.update(overflow=overflow)
    assert manager.loss_scale == 1024


@pytest.mark.parametrize("scale", [0.0, 0.5, -4.0, float("inf"), float("nan")])
def test_a_scale_below_1_or_beyond_float32_is_refused(scale: float) -> None:
    """By both managers."""
    with pytest.raises(UsageError, match="loss scale"):
        FixedLossScaleManager(scale)
    with pytest.raises(UsageError, match="loss scale"):
        ExponentialUpdateLossScaleManager(scale)


@pytest.mark.parametrize(
    "change",
    [
        {"incr_every_n_steps": 0},
        {"decr_every_n_nan_or_inf": 0},
        {"incr_ratio": 1.0},
        {"decr_ratio": 1.0},
        {"decr_ratio": 0.0},
    ],
)
def test_parameters_that_move_nothing_are_refused(change: dict[str, float]) -> None:
    """Each with what is possible."""
    with pytest.raises(UsageError):
        small(**change)


def test_the_scale_doubles_after_so_many_good_steps_in_a_row() -> None:
    """The third good step doubles; the count begins anew."""
    assert run(small(), [False] * 7) == [1024, 1024, 2048, 2048, 2048, 4096, 4096]


def test_a_bad_step_ends_the_row_of_good_ones() -> None:
    """Two good, one bad, two good: no growth yet."""
    assert run(small(), [False, False, True, False, False]) == [1024] * 5


def test_bad_steps_are_summed_whatever_lies_between() -> None:
    """The second bad one halves, good ones between them or not."""
    assert run(small(), [True, False, False, True]) == [1024, 1024, 1024, 512]


def test_growing_forgets_the_bad_steps() -> None:
    """Both counts begin anew at a change: one bad step before it does not count after it."""
    assert run(small(), [True, False, False, False, True]) == [1024, 1024, 1024, 2048, 2048]


def test_shrinking_forgets_the_good_steps() -> None:
    """As does the other way round."""
    overflows = [True, True, False, False, True, False, False, False]
    assert run(small(), overflows)[-4:] == [512, 512, 512, 1024]


@given(STEPS)
def test_the_scale_is_never_below_1(overflows: list[bool]) -> None:
    """However often it overflows."""
    scales = run(small(init_loss_scale=2.0), overflows)
    assert all(scale >= 1 for scale in scales)


def test_the_scale_does_not_grow_past_the_largest_float32() -> None:
    """It stays where it is instead of becoming infinite."""
    manager = small(init_loss_scale=2.0**127)
    assert run(manager, [False] * 6) == [2.0**127] * 6
    assert manager.loss_scale * 2 > LARGEST


@given(STEPS)
def test_runs_of_good_steps_alone_decide_without_overflow(overflows: list[bool]) -> None:
    """With shrinking out of reach the scale doubles once for every 3 good steps of each row."""
    manager = small(decr_every_n_nan_or_inf=10_000)
    grown = sum(len(list(row)) // 3 for bad, row in groupby(overflows) if not bad)
    scales = run(manager, overflows)
    assert (scales[-1] if scales else 1024.0) == min(1024.0 * 2.0**grown, 2.0**127)


@given(STEPS, STEPS)
def test_a_restored_manager_goes_on_as_the_first(before: list[bool], after: list[bool]) -> None:
    """Its state is the scale and both counts."""
    manager, other = small(), small()
    run(manager, before)
    other.restore(manager.state())
    assert run(other, after) == run(manager, after)


def test_the_usual_parameters_are_the_documented_ones() -> None:
    """From 2^32, growing by 2 after 1000 good steps, shrinking by 0.8 after 2 bad ones."""
    manager = ExponentialUpdateLossScaleManager()
    assert run(manager, [False] * 1000)[-1] == 2.0**33
    assert run(manager, [True, True])[-1] == 2.0**33 * 0.8
