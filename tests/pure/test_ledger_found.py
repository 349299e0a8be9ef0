"""The ledger, told of what is committed under a lease's name: whichever attempt was first counts."""

from __future__ import annotations

import pytest
from ledgers import BUSY, assigned, done, ledger_of, receipt

from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    ELSEWHERE,
    BackupWasted,
    Cause,
    DeviceJoined,
    DeviceLost,
    LeaseCancelled,
    LeaseFailed,
    LeaseSplit,
    LeaseTruncated,
)
from fleet.errors import IllegalMoveError
from fleet.scheduler.commands import Cancel
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger

PIECES = (LeaseSummary("p", 3), LeaseSummary("q", 1))
OPEN = (State.PENDING, State.LEASED, State.CUTTING, State.LOST)


def standing(state: State) -> Ledger:
    """Return a ledger whose only lease, of four GOPs, stands so; y has it where it is held."""
    ledger = ledger_of({"a": 4}, SchedulingPolicy(attempts=1, kills=1))
    ledger.handle(DeviceJoined("x"), 0)
    if state is State.LOST:
        ledger.handle(LeaseFailed("x", "a", BUSY), 1)
    cause = Cause.DIED if state is State.CUTTING else Cause.TAKEN
    ledger.handle(DeviceLost("x", "cut off", cause), 1)
    if state is State.LEASED:
        ledger.handle(DeviceJoined("y"), 2)
    assert ledger.state("a") is state
    ledger.validate()
    return ledger


@pytest.mark.parametrize("state", OPEN)
def test_a_lease_that_is_found_committed_is_done(state: State) -> None:
    """By a worker that was given up for dead, or another run: wherever the lease stands here."""
    ledger = standing(state)
    commands = ledger.handle(done(ELSEWHERE, "a"), 3)
    ledger.validate()
    assert commands == ([Cancel("y", "a")] if state is State.LEASED else [])
    assert (ledger.finished, ledger.state("a")) == (True, State.DONE)
    assert ledger.count(State.QUARANTINED) == 0


@pytest.mark.parametrize("state", OPEN)
def test_a_lease_that_is_found_committed_as_a_prefix_leaves_its_remainder(state: State) -> None:
    """Which waits under a name of its own; what is committed is not done again."""
    ledger = standing(state)
    rest = LeaseSummary("rest", 3)
    event = LeaseTruncated(ELSEWHERE, "a", receipt("a", "x"), rest)
    commands = ledger.handle(event, 3)
    ledger.validate()
    assert [c for c in commands if isinstance(c, Cancel)] == (
        [Cancel("y", "a")] if state is State.LEASED else []
    )
    assert (ledger.state("a"), ledger.finished) == (State.DONE, False)
    if state is not State.LEASED:
        commands += ledger.handle(DeviceJoined("y"), 4)
    assert assigned(commands) == [("y", "rest")]
    ledger.handle(done("y", "rest"), 5)
    assert ledger.finished


@pytest.mark.parametrize("gops", [0, 4, 5])
def test_a_remainder_that_is_not_some_of_its_lease_is_refused(gops: int) -> None:
    """Nothing may get lost."""
    ledger = standing(State.LEASED)
    event = LeaseTruncated("y", "a", receipt("a", "y"), LeaseSummary("rest", gops))
    with pytest.raises(IllegalMoveError, match="lease a of 4 GOPs leaves"):
        ledger.handle(event, 3)


@pytest.mark.parametrize("state", OPEN)
def test_a_lease_that_is_found_split_is_replaced_by_its_pieces(state: State) -> None:
    """Another run has taken its name: nobody can commit it any more."""
    ledger = standing(state)
    commands = ledger.handle(LeaseSplit("a", PIECES, ELSEWHERE), 3)
    ledger.validate()
    assert [c for c in commands if isinstance(c, Cancel)] == (
        [Cancel("y", "a")] if state is State.LEASED else []
    )
    assert (ledger.state("a"), ledger.finished) == (State.CUT, False)
    if state is State.LEASED:
        ledger.handle(LeaseCancelled("y", "a", 1.0), 4)
    else:
        ledger.handle(DeviceJoined("y"), 4)
    assert {ledger.state(name) for name in "pq"} == {State.LEASED, State.PENDING}
    for name in "pq":
        ledger.handle(done("y", name), 5)
    assert ledger.finished


def test_a_device_that_finds_its_lease_split_has_spent_its_time_for_nothing() -> None:
    """Which is told; it goes on with the pieces."""
    ledger = standing(State.LEASED)
    commands = ledger.handle(LeaseSplit("a", PIECES, "y"), 9)
    ledger.validate()
    assert commands[0] == BackupWasted("y", "a", 7.0)
    assert assigned(commands) == [("y", "p")]


def test_a_lease_that_was_split_cannot_be_committed_any_more() -> None:
    """Its pieces are done again: counting both would write rows twice."""
    ledger = standing(State.CUTTING)
    ledger.handle(LeaseSplit("a", PIECES), 3)
    ledger.handle(done("x", "a"), 4)
    ledger.validate()
    assert ledger.state("a") is State.CUT
    assert not ledger.finished
