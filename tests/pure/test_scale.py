"""How many devices a run wants: enough, never more than is allowed or than there is work for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scheduler.autoscale import Limits, Load, wanted

LOADS = st.builds(
    Load,
    waiting_s=st.floats(0, 1e7),
    waiting=st.integers(0, 10**6),
    running_s=st.floats(0, 1e6),
    busy=st.integers(0, 1000),
    capacity=st.integers(0, 1000),
)
LIMITS = st.builds(
    Limits,
    most=st.none() | st.integers(1, 5000),
    deadline_s=st.none() | st.floats(1, 1e6),
)


@given(LOADS, LIMITS, st.floats(0, 1e6))
def test_it_is_no_more_than_allowed_and_no_less_than_are_at_work(
    load: Load, limits: Limits, elapsed_s: float
) -> None:
    """Whatever there is to do."""
    devices = wanted(load, limits, elapsed_s)
    assert devices >= load.busy
    if load.waiting:
        assert devices >= 1
        assert devices <= max(load.busy, 1, limits.most or load.capacity)


def test_every_device_that_is_there_is_used() -> None:
    """As far as there are leases."""
    assert wanted(Load(40, 20, 0, 0, capacity=8), Limits(), 0) == 8
    assert wanted(Load(40, 3, 0, 0, capacity=30), Limits(), 0) == 20
    assert wanted(Load(4, 3, 0, 0, capacity=30), Limits(), 0) == 3


def test_machines_are_asked_for_where_they_would_have_work_for_half_a_minute() -> None:
    """Starting one takes about as long."""
    limits = Limits(most=100)
    assert wanted(Load(3000, 500, 0, 0, capacity=0), limits, 0) == 100
    assert wanted(Load(300, 500, 0, 0, capacity=0), limits, 0) == 10
    assert wanted(Load(20, 500, 0, 0, capacity=0), limits, 0) == 1
    assert wanted(Load(20, 500, 0, 0, capacity=4), limits, 0) == 4


def test_a_deadline_takes_as_few_devices_as_end_by_then() -> None:
    """And more, the closer it comes."""
    load = Load(36_000, 3000, 0, 0, capacity=0)
    limits = Limits(most=1000, deadline_s=7200)
    counts = [wanted(load, limits, elapsed_s) for elapsed_s in (0, 3600, 7000, 9000)]
    assert counts == [6, 12, 233, 1000]


def test_with_nothing_waiting_those_who_are_at_work_are_enough() -> None:
    """The others can go."""
    assert wanted(Load(0, 0, 100, 3, capacity=10), Limits(releases=True), 0) == 3


@pytest.mark.parametrize("bad", [{"most": 0}, {"deadline_s": 0.0}])
def test_limits_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    """A run needs a device and some time."""
    with pytest.raises(ValueError, match=r"at least|future"):
        Limits(**bad)  # type: ignore[arg-type]
