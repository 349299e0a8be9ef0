"""Slow devices, late ones and idle ones: who is given what, and who helps whom."""

from __future__ import annotations

import pytest

from fleet.core.lease_summary import LeaseSummary
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    BackupWasted,
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseCancelled,
    LeaseDone,
    LeaseSplit,
    LeaseTruncated,
    Tick,
)
from fleet.scheduler.commands import Assign, Cancel, Command, Release, SplitLease, Truncate
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger


def ledger_of(*costs_s: float, gops: int = 1, rules: SchedulingPolicy | None = None) -> Ledger:
    """A ledger of the leases a, b, c, ... of these costs."""
    return Ledger([LeaseSummary(chr(97 + n), gops, cost) for n, cost in enumerate(costs_s)], rules)


def receipt(lease: str) -> Receipt:
    """A receipt of nothing."""
    return Receipt(lease, (), (), Tally(), "")


def done(ledger: Ledger, device: str, lease: str, now_s: float) -> list[Command]:
    """A device commits a lease."""
    commands = ledger.handle(LeaseDone(device, lease, receipt(lease)), now_s)
    ledger.validate()
    return commands


def joined(ledger: Ledger, *devices: str, now_s: float = 0) -> list[Command]:
    """Devices come."""
    return [c for device in devices for c in ledger.handle(DeviceJoined(device), now_s)]


def assigned(commands: list[Command]) -> list[tuple[str, str]]:
    """Read out who was given what."""
    return [(c.device, c.lease) for c in commands if isinstance(c, Assign)]


def test_what_is_running_nowhere_goes_to_whoever_is_idle() -> None:
    """The second lease of one device is the first of another."""
    ledger = ledger_of(20, 10, 10)
    assert assigned(joined(ledger, "x", "y")) == [("x", "a"), ("x", "b"), ("y", "c")]
    commands = done(ledger, "y", "c", 10)
    assert commands == [Cancel("x", "b"), Assign("y", "b")]
    assert ledger.handle(LeaseCancelled("x", "b", 0.0), 11) == []
    ledger.validate()


def test_a_device_is_not_given_what_it_has_yet_to_put_down() -> None:
    """It would hold it twice: another device gets it, or the same one once it has put it down."""
    ledger = ledger_of(10, 40)
    joined(ledger, "x")
    assert assigned(joined(ledger, "y", now_s=1)) == [("y", "b")]
    ledger.handle(DeviceLost("y", "gone", Cause.TAKEN), 2)
    assert done(ledger, "x", "a", 10) == []
    assert ledger.state("b") is State.PENDING
    assert ledger.handle(LeaseCancelled("x", "b", 0.0), 11) == [Assign("x", "b")]
    ledger.validate()


def test_a_device_that_is_almost_done_keeps_its_second_lease() -> None:
    """Its bytes are there already."""
    ledger = ledger_of(10, 10, 10)
    joined(ledger, "x", "y")
    assert done(ledger, "y", "c", 9.9) == []


def test_a_long_lease_is_ended_early_for_those_who_are_idle() -> None:
    """Nothing is done twice: the rest of it is a lease of its own, cut for both."""
    ledger = ledger_of(100, gops=10)
    joined(ledger, "x")
    assert joined(ledger, "y", now_s=1) == [Truncate("x", "a")]
    assert ledger.handle(Tick(), 2) == []
    remainder = LeaseSummary("rest", 8, 80)
    commands = ledger.handle(LeaseTruncated("x", "a", receipt("a"), remainder), 20)
    ledger.validate()
    assert commands == [SplitLease("rest", 2, None)]
    pieces = (LeaseSummary("p", 4, 40), LeaseSummary("q", 4, 40))
    assert assigned(ledger.handle(LeaseSplit("rest", pieces), 20)) == [("y", "p"), ("x", "q")]
    assert ledger.state("a") is State.DONE
    assert ledger.budget.started == 0


def test_a_device_that_is_late_gets_a_twin_and_whoever_is_first_counts() -> None:
    """The other one puts it down, and what it spent is told."""
    ledger = ledger_of(10)
    assert assigned(joined(ledger, "x", "y")) == [("x", "a")]
    assert ledger.handle(Tick(), 12) == []
    assert ledger.handle(Tick(), 17) == [Assign("y", "a", backup=True)]
    ledger.validate()
    assert ledger.handle(Tick(), 18) == []
    assert done(ledger, "y", "a", 27) == [Cancel("x", "a")]
    assert ledger.finished
    assert ledger.handle(LeaseCancelled("x", "a", 27.0), 28) == [BackupWasted("x", "a", 27.0)]
    assert ledger.budget.wasted_s == 27.0


def test_a_twin_that_comes_second_is_told_of_and_not_counted() -> None:
    """Both committed: the same object, the same rows."""
    ledger = ledger_of(10)
    joined(ledger, "x", "y")
    ledger.handle(Tick(), 17)
    assert done(ledger, "x", "a", 20) == [Cancel("y", "a")]
    assert done(ledger, "y", "a", 21) == [BackupWasted("y", "a", 4.0)]
    assert (ledger.count(State.DONE), ledger.budget.running) == (1, 0)


def test_a_lease_whose_twin_is_lost_goes_on() -> None:
    """It is not handed out a third time."""
    ledger = ledger_of(10)
    joined(ledger, "x", "y")
    ledger.handle(Tick(), 17)
    assert ledger.handle(DeviceLost("x", "killed"), 18) == []
    ledger.validate()
    assert joined(ledger, "z", now_s=19) == []
    done(ledger, "y", "a", 27)
    assert ledger.finished


def test_without_backups_nobody_helps() -> None:
    """So that one can see what it is worth."""
    ledger = ledger_of(10, rules=SchedulingPolicy(backups=False))
    joined(ledger, "x", "y")
    assert ledger.handle(Tick(), 1000) == []


def test_a_slow_device_gets_the_shortest_and_in_the_end_nothing() -> None:
    """Others would have it done before."""
    ledger = ledger_of(1, 1, 1, 9, 8, 7, 6, 5, 1, rules=SchedulingPolicy(backups=False))
    assert assigned(joined(ledger, "x")) == [("x", "a"), ("x", "b")]
    assert assigned(joined(ledger, "y")) == [("y", "c"), ("y", "d")]
    assert assigned(done(ledger, "y", "c", 1)) == [("y", "e")]
    # Five times as slow as the other.
    assert assigned(done(ledger, "x", "a", 5)) == [("x", "i")]
    assert assigned(done(ledger, "y", "d", 10)) == [("y", "f")]
    assert assigned(done(ledger, "y", "e", 18)) == [("y", "g")]
    assert assigned(done(ledger, "x", "b", 18)) == []
    assert assigned(done(ledger, "y", "f", 25)) == [("y", "h")]


@pytest.mark.parametrize("devices", [1, 2, 40])
def test_devices_that_are_slower_than_was_estimated_are_not_slow(devices: int) -> None:
    """What counts is how they compare with each other."""
    ledger = ledger_of(*[1.0] * 50)
    given = assigned(joined(ledger, *[f"{n}" for n in range(devices)]))
    now_s = 0.0
    while given:
        device, lease = given.pop(0)
        now_s += 100.0
        given += assigned(done(ledger, device, lease, now_s))
    assert ledger.finished


def test_a_device_whose_machine_goes_away_ends_in_time_and_gives_the_rest_back() -> None:
    """What it has not begun goes to others at once; what it runs ends after the GOP in hand."""
    ledger = ledger_of(60, 60, 60, gops=20)
    joined(ledger, "x")
    commands = ledger.handle(DeviceDraining("x", 30), 1)
    assert commands == [Cancel("x", "b"), Truncate("x", "a")]
    ledger.validate()
    assert ledger.handle(LeaseCancelled("x", "b", 0.0), 2) == []
    remainder = LeaseSummary("rest", 19, 57)
    commands = ledger.handle(LeaseTruncated("x", "a", receipt("a"), remainder), 4)
    assert commands == [Release("x")]
    ledger.validate()
    assert assigned(joined(ledger, "y", now_s=5)) == [("y", "rest"), ("y", "b")]


def test_a_device_that_ends_in_time_is_left_to_it() -> None:
    """Nothing is ended early that would be done anyway."""
    ledger = ledger_of(10, 10, gops=20)
    joined(ledger, "x")
    assert ledger.handle(DeviceDraining("x", 30), 1) == [Cancel("x", "b")]
    ledger.handle(LeaseCancelled("x", "b", 0.0), 2)
    assert done(ledger, "x", "a", 10) == [Release("x")]


def test_devices_that_are_not_wanted_go_once_they_are_idle() -> None:
    """After a while, in which there might be more work."""
    ledger = ledger_of(60, rules=SchedulingPolicy(idle_s=5))
    joined(ledger, "x", "y", "z")
    ledger.set_target(2)
    assert ledger.handle(Tick(), 3) == []
    assert ledger.handle(Tick(), 6) == [Release("y")]
    ledger.handle(DeviceLost("y", "let go"), 7)
    assert ledger.handle(Tick(), 20) == []
