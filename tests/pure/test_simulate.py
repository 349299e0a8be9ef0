"""A fleet on paper: every lease once, near the bound, whatever fails; a seeded sample of `prove`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.lease_summary import LeaseSummary
from fleet.errors import UsageError
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.simulate.conditions import Conditions
from fleet.simulate.run import Simulation, simulate
from fleet.simulate.whatif import made_up, read_failures, read_slow, what_if
from fleet.views.simulation import render

STORM = Conditions(slow_share=0.01, slow_factor=5.0, failures_a_minute=0.001)


def test_the_sample_of_the_proof_stays_near_the_bound() -> None:
    """500 devices, 50,000 leases: one in a hundred slow, some fail."""
    pieces = made_up(50_000, 10.0, 1)(500)
    outcome = simulate(pieces, 500, STORM, seed=1)
    assert outcome.over_bound <= 1.05
    assert outcome.waste <= 0.02
    assert outcome.failures > 0
    assert outcome.quarantined == 0


@settings(max_examples=25, deadline=None)
@given(
    leases=st.integers(1, 120),
    devices=st.integers(1, 12),
    gops=st.integers(1, 6),
    slow=st.floats(0, 0.9),
    failures=st.floats(0, 0.6),
    noise=st.floats(0, 1.5),
    seed=st.integers(0, 1000),
    backups=st.booleans(),
)
def test_every_gop_is_done_once_or_given_up(
    leases: int,
    devices: int,
    gops: int,
    slow: float,
    failures: float,
    noise: float,
    seed: int,
    backups: bool,
) -> None:
    """In any weather."""
    weather = Conditions(slow, 7.0, failures, replace_s=5.0, noise=noise)
    pieces = [LeaseSummary(f"{n}", gops, 3.0, f"v{n // 7}") for n in range(leases)]
    simulation = Simulation(pieces, devices, weather, seed, SchedulingPolicy(backups=backups))
    outcome = simulation.run()
    assert simulation.gops_done + simulation.gops_given_up == leases * gops
    assert outcome.makespan_s >= 0.3 * outcome.bound_s / (1 + noise) ** 4


def test_the_same_seed_gives_the_same_run() -> None:
    """So that two rules can be compared."""
    pieces = made_up(2000, 10.0, 3)(50)
    assert simulate(pieces, 50, STORM, seed=3) == simulate(pieces, 50, STORM, seed=3)
    assert simulate(pieces, 50, STORM, seed=3) != simulate(pieces, 50, STORM, seed=4)


@pytest.mark.parametrize("gops", [1, 20])
def test_help_for_a_slow_device_is_worth_it(gops: int) -> None:
    """One of four is five times as slow, and nobody knows it when the leases are cut."""
    weather = replace(STORM, slow_share=0.0, failures_a_minute=0.0)
    pieces = [LeaseSummary(f"{n}", gops, 20.0) for n in range(24)]
    even = simulate(pieces, 4, weather)
    slow = Simulation(pieces, 4, weather, 0, SchedulingPolicy())
    slow.paces[3] = 5.0
    alone = Simulation(pieces, 4, weather, 0, SchedulingPolicy(backups=False))
    alone.paces[3] = 5.0
    helped, unhelped = slow.run(), alone.run()
    assert helped.makespan_s <= (1.4 if gops == 20 else 1.6) * even.makespan_s
    assert helped.makespan_s < unhelped.makespan_s


def test_what_is_printed_says_that_nothing_was_run() -> None:
    """And fits a terminal."""
    table = what_if(made_up(400, 10.0, 0), 20, None, STORM, 0, SchedulingPolicy())
    assert [run.devices for run in table.others] == [5, 10, 40, 80]
    text = render(table, STORM, "20 devices, 400 leases", "made up", 0, 1.5)
    assert text.startswith("Simulated, nothing was run")
    assert max(map(len, text.splitlines())) <= 80
    assert "price" in text


@pytest.mark.parametrize("text", ["5", "1%", "1%x", "x5", "1%x0.5", "100%x2"])
def test_slow_devices_that_make_no_sense_are_refused(text: str) -> None:
    """With how to say it."""
    with pytest.raises(UsageError):
        read_slow(text, Conditions())


def test_weather_is_read_as_people_write_it() -> None:
    """Shares in percent."""
    weather = read_failures("0.1%/min", read_slow("2 % x 5", Conditions()))
    assert (weather.slow_share, weather.slow_factor) == (0.02, 5.0)
    assert weather.failures_a_minute == 0.001
