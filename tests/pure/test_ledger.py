"""The ledger: what becomes of a lease that is done, fails, kills, is split or comes back late."""

from __future__ import annotations

import pytest
from ledgers import BUSY, MEMORY, NEVER, REFUSED, assigned, done, ledger_of, single

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    BackupWasted,
    Cause,
    DeviceJoined,
    DeviceLost,
    LeaseCancelled,
    LeaseFailed,
    LeaseSplit,
    LossRecorded,
)
from fleet.errors import IllegalMoveError
from fleet.scheduler.commands import Assign, Cancel, Command, RecordLoss, SplitLease
from fleet.scheduler.lease_state import ENDED, MOVES, Move, SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger


def killed(ledger: Ledger, device: str, cause: Cause = Cause.DIED) -> list[Command]:
    """Lose a device, and have a new one take its place."""
    commands = ledger.handle(DeviceLost(device, "killed", cause), 1)
    ledger.validate()
    return commands + ledger.handle(DeviceJoined(device), 2)


def test_every_device_gets_one_lease_before_any_gets_its_second() -> None:
    """Two devices and three leases: the third goes on top."""
    ledger = single("abc")
    assert assigned(ledger.handle(DeviceJoined("x"), 0)) == [("x", "a"), ("x", "b")]
    assert assigned(ledger.handle(DeviceJoined("y"), 0)) == [("y", "c")]
    assert assigned(ledger.handle(done("x", "a"), 1)) == []


def test_a_lost_device_gives_back_both_leases_and_they_go_first() -> None:
    """What it prefetched goes out again before anything else, what it ran before even that."""
    ledger = single("abcd")
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "killed"), 1)
    assert assigned(ledger.handle(DeviceJoined("y"), 2)) == [("y", "a")]
    assert assigned(ledger.handle(DeviceJoined("z"), 2)) == [("z", "b"), ("z", "c")]


def test_a_lease_that_killed_a_worker_has_the_next_one_to_itself() -> None:
    """So that nothing else can be blamed for it, or be lost with it."""
    ledger = single("ab")
    ledger.handle(DeviceJoined("x"), 0)
    assert assigned(killed(ledger, "x")) == [("x", "a")]
    assert assigned(ledger.handle(done("x", "a"), 3)) == [("x", "b")]


def test_a_lease_that_keeps_failing_is_given_up() -> None:
    """After three attempts its loss is to be recorded; then the ledger is finished."""
    ledger = ledger_of({"a": 8}, SchedulingPolicy(attempts=3))
    commands = ledger.handle(DeviceJoined("x"), 0)
    for number in range(3):
        assert commands == [Assign("x", "a")], number
        commands = ledger.handle(LeaseFailed("x", "a", BUSY), 1)
    assert commands == [RecordLoss("a", BUSY)]
    assert not ledger.finished
    ledger.handle(LossRecorded("a"), 2)
    assert ledger.finished
    assert ledger.count(State.QUARANTINED) == 1


def test_a_fault_that_trying_again_cannot_mend_ends_the_lease_at_once() -> None:
    """One attempt is enough to know."""
    ledger = ledger_of({"a": 8})
    ledger.handle(DeviceJoined("x"), 0)
    assert ledger.handle(LeaseFailed("x", "a", NEVER), 1) == [RecordLoss("a", NEVER)]


@pytest.mark.parametrize(("fault", "attempts"), [(MEMORY, 3), (REFUSED, 1)])
def test_a_fault_that_a_part_may_have_caused_splits_the_lease(fault: Fault, attempts: int) -> None:
    """The rest of it can be done."""
    ledger = ledger_of({"a": 8})
    commands = ledger.handle(DeviceJoined("x"), 0)
    for _ in range(attempts):
        assert [type(command) for command in commands] == [Assign]
        commands = ledger.handle(LeaseFailed("x", "a", fault), 1)
    assert commands == [SplitLease("a", 4, fault)]


def test_a_worker_killed_once_from_outside_changes_nothing() -> None:
    """The lease is tried again, whole."""
    ledger = ledger_of({"a": 8, "b": 1})
    ledger.handle(DeviceJoined("x"), 0)
    assert assigned(killed(ledger, "x")) == [("x", "a")]
    assert assigned(ledger.handle(done("x", "a"), 3)) == [("x", "b")]
    ledger.handle(done("x", "b"), 4)
    assert ledger.finished


def test_deaths_count_only_in_a_row() -> None:
    """A worker that survived the lease, whatever came of it, clears it."""
    ledger = ledger_of({"a": 1}, SchedulingPolicy(attempts=2))
    ledger.handle(DeviceJoined("x"), 0)
    killed(ledger, "x")
    ledger.handle(LeaseFailed("x", "a", BUSY), 3)
    assert assigned(killed(ledger, "x")) == [("x", "a")]


def test_a_machine_that_is_taken_away_is_nobodys_fault() -> None:
    """However often it happens."""
    ledger = ledger_of({"a": 1, "b": 1})
    ledger.handle(DeviceJoined("x"), 0)
    for _ in range(9):
        assert assigned(killed(ledger, "x", Cause.TAKEN)) == [("x", "a"), ("x", "b")]


def test_a_lease_that_kills_twice_is_split_and_its_pieces_take_its_place() -> None:
    """The pieces go first; a piece that kills is split at once; the GOP that does it is given up."""
    ledger = ledger_of({"a": 5, "b": 1})
    ledger.handle(DeviceJoined("x"), 0)
    killed(ledger, "x")
    commands = ledger.handle(DeviceLost("x", "killed"), 1)
    assert [(c.lease, c.pieces) for c in commands if isinstance(c, SplitLease)] == [("a", 4)]
    ledger.handle(DeviceJoined("x"), 2)
    ledger.handle(
        LeaseSplit(
            "a",
            (
                LeaseSummary("a0", 2),
                LeaseSummary("a1", 1),
                LeaseSummary("a2", 1),
                LeaseSummary("a3", 1),
            ),
        ),
        3,
    )
    ledger.validate()
    assert assigned(ledger.handle(done("x", "b"), 4)) == [("x", "a0")]
    commands = ledger.handle(DeviceLost("x", "killed"), 5)
    assert [(c.lease, c.pieces) for c in commands if isinstance(c, SplitLease)] == [("a0", 2)]
    ledger.handle(LeaseSplit("a0", (LeaseSummary("a00", 1), LeaseSummary("a01", 1))), 6)
    assert assigned(ledger.handle(DeviceJoined("x"), 7)) == [("x", "a00")]
    for _ in range(2):
        assert assigned(killed(ledger, "x", Cause.SILENT)) == [("x", "a00")]
    (lost,) = ledger.handle(DeviceLost("x", "60 s", Cause.SILENT), 8)
    assert isinstance(lost, RecordLoss)
    assert (lost.lease, lost.fault.code, lost.fault.stage) == ("a00", 507010, "worker")
    ledger.handle(LossRecorded("a00"), 9)
    ledger.handle(DeviceJoined("x"), 10)
    for lease in ("a01", "a1", "a2", "a3"):
        assert not ledger.finished
        ledger.handle(done("x", lease), 11)
    assert ledger.finished
    assert (ledger.count(State.CUT), ledger.count(State.QUARANTINED)) == (2, 1)


@pytest.mark.parametrize(
    "pieces", [(), (LeaseSummary("p", 3),), (LeaseSummary("p", 1), LeaseSummary("q", 1))]
)
def test_pieces_that_do_not_make_up_the_lease_are_refused(pieces: tuple[LeaseSummary, ...]) -> None:
    """Nothing may get lost in splitting."""
    ledger = ledger_of({"a": 3}, SchedulingPolicy(kills=1))
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "killed"), 1)
    with pytest.raises(IllegalMoveError, match="lease a of 3 GOPs"):
        ledger.handle(LeaseSplit("a", pieces), 2)


def test_a_prefetched_lease_is_not_blamed_for_its_device() -> None:
    """Only the lease that ran when a device died has killed it."""
    ledger = single("ab", SchedulingPolicy(attempts=1))
    ledger.handle(DeviceJoined("x"), 0)
    commands = ledger.handle(DeviceLost("x", "killed"), 1)
    assert [type(c) for c in commands] == [RecordLoss]
    assert assigned(ledger.handle(DeviceJoined("y"), 2)) == [("y", "b")]


def test_a_device_given_up_for_dead_may_still_commit() -> None:
    """Its parts carry the lease's own name: the work counts and is not handed out again."""
    ledger = single("a")
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "cut off"), 1)
    ledger.handle(done("x", "a"), 2)
    assert ledger.finished
    assert assigned(ledger.handle(DeviceJoined("y"), 3)) == []


def test_a_late_commit_sets_the_second_holder_free() -> None:
    """What is there under the lease's name is what it would put: it is told to put it down."""
    ledger = single("a")
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "cut off"), 1)
    ledger.handle(DeviceJoined("y"), 2)
    assert ledger.handle(done("x", "a"), 3) == [Cancel("y", "a")]
    ledger.validate()
    assert ledger.finished
    assert ledger.handle(LeaseCancelled("y", "a", 1.5), 4) == [BackupWasted("y", "a", 1.5)]
    assert ledger.budget.wasted_s == 1.5


def test_an_impossible_event_tells_the_story_of_the_lease() -> None:
    """Recording a loss nobody asked for names the lease and what happened to it."""
    ledger = single("a")
    ledger.handle(DeviceJoined("x"), 0)
    killed(ledger, "x", Cause.TAKEN)
    with pytest.raises(
        IllegalMoveError,
        match=r"lease a: record while leased, held by \['x'\]\. So far: 1\.000 return",
    ):
        ledger.handle(LossRecorded("a"), 1)


def test_no_state_is_left_but_by_a_move() -> None:
    """The three that end a lease for good are left by none, all others by some."""
    left = {state for state, _ in MOVES}
    ends = {State.DONE, State.QUARANTINED, State.CUT}
    assert set(State) - left == ends == ENDED - {State.UNREACHED}
    assert {move for _, move in MOVES} == set(Move)
