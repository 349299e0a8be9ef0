"""The ledger: random events never break its invariants, and every lease ends."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleet.driver.events import (
    Assign,
    Command,
    DeviceJoined,
    DeviceLost,
    LeaseDone,
    LeaseFailed,
    LossRecorded,
    RecordLoss,
)
from fleet.driver.ledger import Ledger, Rules, State
from fleet.errors import IllegalMove
from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt, Tally

AGAIN = Fault("fetch", 0, "StorageError", "the store was busy", retryable=True)
NEVER = Fault("job", 0, "TypeError", "the job is wrong", retryable=False)


def receipt(lease: str, device: str) -> Receipt:
    """Make a receipt that covers nothing."""
    return Receipt(lease, (), (), Tally(), device)


def done(device: str, lease: str) -> LeaseDone:
    """Make the event of a committed lease."""
    return LeaseDone(device, lease, receipt(lease, device))


def assigned(commands: list[Command]) -> list[tuple[str, str]]:
    """Read out who was given what."""
    return [(c.device, c.lease) for c in commands if isinstance(c, Assign)]


def test_every_device_gets_one_lease_before_any_gets_its_second() -> None:
    """Two devices and three leases: the third goes on top."""
    ledger = Ledger("abc")
    assert assigned(ledger.handle(DeviceJoined("x"), 0)) == [("x", "a"), ("x", "b")]
    assert assigned(ledger.handle(DeviceJoined("y"), 0)) == [("y", "c")]
    assert assigned(ledger.handle(done("x", "a"), 1)) == []


def test_a_lost_device_gives_back_both_leases_and_they_go_first() -> None:
    """What it ran and what it prefetched are handed out again before anything else."""
    ledger = Ledger("abcd")
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "killed"), 1)
    assert {lease for _, lease in assigned(ledger.handle(DeviceJoined("y"), 2))} == {"a", "b"}


def test_a_lease_that_keeps_failing_is_given_up() -> None:
    """After three attempts its loss is to be recorded; then the ledger is finished."""
    ledger = Ledger("a", Rules(attempts=3))
    commands = ledger.handle(DeviceJoined("x"), 0)
    for _ in range(2):
        assert assigned(commands) == [("x", "a")]
        commands = ledger.handle(LeaseFailed("x", "a", AGAIN), 1)
    commands = ledger.handle(LeaseFailed("x", "a", AGAIN), 1)
    assert commands == [RecordLoss("a", AGAIN)]
    assert not ledger.finished
    ledger.handle(LossRecorded("a"), 2)
    assert ledger.finished
    assert ledger.count(State.QUARANTINED) == 1


def test_a_fault_that_trying_again_cannot_mend_ends_the_lease_at_once() -> None:
    """One attempt is enough to know."""
    ledger = Ledger("a")
    ledger.handle(DeviceJoined("x"), 0)
    assert ledger.handle(LeaseFailed("x", "a", NEVER), 1) == [RecordLoss("a", NEVER)]


def test_a_prefetched_lease_is_not_blamed_for_its_device() -> None:
    """Only the lease that ran when a device died has used an attempt."""
    ledger = Ledger("ab", Rules(attempts=1))
    ledger.handle(DeviceJoined("x"), 0)
    commands = ledger.handle(DeviceLost("x", "killed"), 1)
    assert [type(c) for c in commands] == [RecordLoss]
    assert assigned(ledger.handle(DeviceJoined("y"), 2)) == [("y", "b")]


def test_a_device_given_up_for_dead_may_still_commit() -> None:
    """Its parts carry the lease's own name: the work counts and is not handed out again."""
    ledger = Ledger("a")
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "cut off"), 1)
    ledger.handle(done("x", "a"), 2)
    assert ledger.finished
    assert assigned(ledger.handle(DeviceJoined("y"), 3)) == []


def test_a_late_commit_leaves_the_second_holder_in_peace() -> None:
    """The second device is at work on the lease: its own commit ends it."""
    ledger = Ledger("a")
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "cut off"), 1)
    ledger.handle(DeviceJoined("y"), 2)
    ledger.handle(done("x", "a"), 3)
    ledger.validate()
    assert not ledger.finished
    ledger.handle(done("y", "a"), 4)
    assert ledger.finished


def test_an_impossible_event_tells_the_story_of_the_lease() -> None:
    """Recording a loss nobody asked for names the lease and what happened to it."""
    ledger = Ledger("a")
    ledger.handle(DeviceJoined("x"), 0)
    with pytest.raises(
        IllegalMove, match=r"lease a: record while leased\. So far: 0\.000 assign x"
    ):
        ledger.handle(LossRecorded("a"), 1)


class LedgerMachine(RuleBasedStateMachine):
    """Random fleets: devices come and go, leases succeed, fail and come back late."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.held: dict[str, list[str]] = {}
        self.zombies: list[tuple[str, str]] = []
        self.to_record: list[str] = []
        self.committed: set[str] = set()
        self.recorded: set[str] = set()
        self.joined = 0

    @initialize(count=st.integers(1, 12), attempts=st.integers(1, 3))
    def begin(self, count: int, attempts: int) -> None:
        """Start with some leases and no device."""
        self.leases = [f"l{n}" for n in range(count)]
        self.ledger = Ledger(self.leases, Rules(attempts))

    def follow(self, commands: list[Command]) -> None:
        """Do what the ledger says, as a pool would."""
        for command in commands:
            match command:
                case Assign(device, lease):
                    self.held[device].append(lease)
                    assert len(self.held[device]) <= 2
                case RecordLoss(lease, _):
                    self.to_record.append(lease)

    @rule()
    def join(self) -> None:
        """A device comes."""
        device = f"d{self.joined}"
        self.joined += 1
        self.held[device] = []
        self.follow(self.ledger.handle(DeviceJoined(device), self.now_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """A device goes; it may be a zombie that works on."""
        device = data.draw(st.sampled_from(sorted(self.held)))
        self.zombies += [(device, lease) for lease in self.held.pop(device)]
        self.follow(self.ledger.handle(DeviceLost(device, "gone"), self.now_s))

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), outcome=st.sampled_from(["done", "again", "never"]))
    def answer(self, data: st.DataObject, outcome: str) -> None:
        """A device ends the lease it runs."""
        device = data.draw(st.sampled_from(sorted(d for d, leases in self.held.items() if leases)))
        lease = self.held[device].pop(0)
        if outcome == "done":
            self.committed.add(lease)
            self.follow(self.ledger.handle(done(device, lease), self.now_s))
        else:
            fault = AGAIN if outcome == "again" else NEVER
            self.follow(self.ledger.handle(LeaseFailed(device, lease, fault), self.now_s))

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def late_commit(self, data: st.DataObject) -> None:
        """A zombie commits."""
        device, lease = data.draw(st.sampled_from(self.zombies))
        self.zombies.remove((device, lease))
        self.committed.add(lease)
        self.follow(self.ledger.handle(done(device, lease), self.now_s))

    @precondition(lambda self: self.to_record)
    @rule()
    def record(self) -> None:
        """A loss is written."""
        lease = self.to_record.pop()
        self.recorded.add(lease)
        self.follow(self.ledger.handle(LossRecorded(lease), self.now_s))

    @invariant()
    def holds(self) -> None:
        """What always holds, in the ledger and between it and the devices."""
        if not hasattr(self, "ledger"):
            return
        self.now_s += 1.0
        self.ledger.validate()
        assert self.ledger.devices == tuple(self.held)

    def teardown(self) -> None:
        """From any state, one good device brings everything to its end."""
        if not hasattr(self, "ledger"):
            return
        self.join()
        while not self.ledger.finished:
            while self.to_record:
                self.record()
            for device, leases in list(self.held.items()):
                if leases:
                    lease = leases.pop(0)
                    self.committed.add(lease)
                    self.follow(self.ledger.handle(done(device, lease), self.now_s))
        self.ledger.validate()
        assert self.committed | self.recorded == set(self.leases)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_random_events_keep_the_invariants = LedgerMachine.TestCase
