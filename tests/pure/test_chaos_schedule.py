"""A schedule of faults follows from its seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.chaos.instructions import Instructions
from fleet.chaos.schedule import FaultKind, Wanted, set_out
from fleet.errors import UsageError

WANTED = st.builds(Wanted, st.integers(0, 6), st.integers(0, 3), st.integers(0, 4))
SEEDS = st.integers(0, 2**32)
SPANS = st.floats(0.1, 1e4)


@given(SEEDS, WANTED, SPANS)
def test_every_deed_that_is_asked_for_is_set_out(seed: int, wanted: Wanted, span_s: float) -> None:
    """So many kills, hangs and deaths, each within the time that the run works."""
    lives = set_out(seed, wanted, span_s)
    deeds = [trigger.deed for life in lives for trigger in life]
    assert deeds.count(FaultKind.KILL) == wanted.kills
    assert deeds.count(FaultKind.HANG) == wanted.hangs
    assert deeds.count(FaultKind.DRIVER) == wanted.driver_deaths
    assert all(0 <= trigger.at_s <= span_s for life in lives for trigger in life)


@given(SEEDS, WANTED, SPANS)
def test_each_life_but_the_last_ends_with_the_drivers_death(
    seed: int, wanted: Wanted, span_s: float
) -> None:
    """Nothing is to happen to a worker after it, and nothing kills the last driver."""
    *mortal, last = set_out(seed, wanted, span_s)
    assert all(life[-1].deed is FaultKind.DRIVER for life in mortal)
    assert all(trigger.deed is not FaultKind.DRIVER for trigger in last)


@given(SEEDS, WANTED, SPANS)
def test_the_same_seed_gives_the_same_schedule(seed: int, wanted: Wanted, span_s: float) -> None:
    """Whatever was drawn before."""
    assert set_out(seed, wanted, span_s) == set_out(seed, wanted, span_s)


@given(SEEDS, WANTED)
def test_orders_survive_the_way_to_another_process(seed: int, wanted: Wanted) -> None:
    """What a life reads is what it was told."""
    for strikes in set_out(seed, wanted, 10.0):
        orders = Instructions("job.toml", {"sample": "all", "devices": 2}, strikes)
        assert Instructions.from_json(orders.to_json()) == orders


def test_fewer_than_no_faults_are_refused() -> None:
    """As a mistake of the user's."""
    with pytest.raises(UsageError, match="negative"):
        Wanted(kills=-1)
