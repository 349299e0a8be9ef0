"""The ledger under random events: its invariants hold, and every GOP ends exactly once."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ledgers import BUSY, MEMORY, NEVER, REFUSED, done, ledger_of, receipt

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseCancelled,
    LeaseFailed,
    LeaseSplit,
    LeaseTruncated,
    LossRecorded,
    Tick,
)
from fleet.scheduler.commands import (
    Assign,
    Cancel,
    Command,
    RecordLoss,
    Release,
    SplitLease,
    Truncate,
)
from fleet.scheduler.lease_state import SchedulingPolicy, State


def into(gops: frozenset[int], count: int) -> list[frozenset[int]]:
    """Divide a lease's GOPs as the loop does: in order, in pieces of about one size."""
    ordered = sorted(gops)
    bounds = [len(ordered) * n // count for n in range(count + 1)]
    return [frozenset(ordered[a:b]) for a, b in itertools.pairwise(bounds)]


def named(gops: frozenset[int]) -> str:
    """Name a lease by exactly what it covers."""
    return ",".join(map(str, sorted(gops)))


class LedgerMachine(RuleBasedStateMachine):
    """Random fleets: devices come and go, leases succeed, fail, are cut and come back late."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.held: dict[str, list[str]] = {}
        self.told: set[tuple[str, str]] = set()
        self.dropped: set[tuple[str, str]] = set()
        self.zombies: list[tuple[str, str]] = []
        self.to_record: list[str] = []
        self.to_cut: list[tuple[str, int]] = []
        self.recorded: set[str] = set()
        self.joined = 0

    @initialize(
        sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8),
        policy=st.builds(SchedulingPolicy, st.integers(1, 3), st.integers(1, 3), st.integers(2, 5)),
    )
    def begin(self, sizes: list[int], policy: SchedulingPolicy) -> None:
        """Start with some leases and no device."""
        ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
        spans = [frozenset(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
        self.everything = frozenset(range(ends[-1]))
        self.gops = {named(span): span for span in spans}
        self.ledger = ledger_of({name: len(span) for name, span in self.gops.items()}, policy)

    def continues(self, commands: list[Command]) -> None:
        """Do what the ledger says, as a pool would."""
        for command in commands:
            match command:
                case Assign(device, lease):
                    self.held[device].append(lease)
                    assert len(self.held[device]) <= 2
                case Cancel(device, lease) | Truncate(device, lease):
                    assert lease in self.held[device]
                    self.told.add((device, lease))
                    if isinstance(command, Cancel):
                        self.dropped.add((device, lease))
                case Release(device):
                    assert not self.held[device]
                case SplitLease(lease, pieces, _):
                    assert 2 <= pieces <= len(self.gops[lease])
                    self.to_cut.append((lease, pieces))
                case RecordLoss(lease, _):
                    self.to_record.append(lease)

    @rule()
    def join(self) -> None:
        """A device comes."""
        device = f"d{self.joined}"
        self.joined += 1
        self.held[device] = []
        self.continues(self.ledger.handle(DeviceJoined(device), self.now_s))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def obey(self, data: st.DataObject) -> None:
        """A device does as it was told: it puts a lease down, or ends the one it runs early."""
        device, lease = data.draw(st.sampled_from(sorted(self.told)))
        self.told.remove((device, lease))
        if lease not in self.held.get(device, ()):
            return
        if data.draw(st.booleans()) or len(self.gops[lease]) < 2:
            if (device, lease) in self.dropped:
                self.held[device].remove(lease)
                self.continues(self.ledger.handle(LeaseCancelled(device, lease, 1.0), self.now_s))
        elif self.held[device][0] == lease:
            self.held[device].remove(lease)
            self.shorten(device, lease)

    def shorten(self, device: str, lease: str) -> None:
        """Commit a front of it."""
        front, rest = into(self.gops[lease], 2)
        known = {named(front), named(rest)} & set(self.gops)
        if known or self.ledger.state(lease) not in {State.PENDING, State.LEASED}:
            self.continues(self.ledger.handle(done(device, lease), self.now_s))
            return
        self.gops |= {named(front): front, named(rest): rest}
        whole = receipt(named(front), device)
        event = LeaseTruncated(device, lease, whole, LeaseSummary(named(rest), len(rest)))
        self.continues(self.ledger.handle(event, self.now_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), left_s=st.floats(0, 60))
    def drain(self, data: st.DataObject, left_s: float) -> None:
        """The machine of a device is about to go."""
        device = data.draw(st.sampled_from(sorted(self.held)))
        self.continues(self.ledger.handle(DeviceDraining(device, left_s), self.now_s))

    @rule(wanted=st.integers(0, 4), passes_s=st.floats(0, 20))
    def tick(self, wanted: int, passes_s: float) -> None:
        """Time passes."""
        self.now_s += passes_s
        self.ledger.set_target(wanted)
        self.continues(self.ledger.handle(Tick(), self.now_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), cause=st.sampled_from(Cause))
    def lose(self, data: st.DataObject, cause: Cause) -> None:
        """A device goes; it may be a zombie that works on."""
        device = data.draw(st.sampled_from(sorted(self.held)))
        self.zombies += [(device, lease) for lease in self.held.pop(device)]
        self.continues(self.ledger.handle(DeviceLost(device, "gone", cause), self.now_s))

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), outcome=st.sampled_from([None, BUSY, NEVER, MEMORY, REFUSED]))
    def answer(self, data: st.DataObject, outcome: Fault | None) -> None:
        """A device ends the lease it runs."""
        device = data.draw(st.sampled_from(sorted(d for d, leases in self.held.items() if leases)))
        lease = self.held[device].pop(0)
        event = LeaseFailed(device, lease, outcome) if outcome else done(device, lease)
        self.continues(self.ledger.handle(event, self.now_s))

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def late_commit(self, data: st.DataObject) -> None:
        """A zombie commits."""
        device, lease = data.draw(st.sampled_from(self.zombies))
        self.zombies.remove((device, lease))
        self.continues(self.ledger.handle(done(device, lease), self.now_s))

    @precondition(lambda self: self.to_record)
    @rule()
    def record(self) -> None:
        """A loss is written."""
        lease = self.to_record.pop()
        self.recorded.add(lease)
        self.continues(self.ledger.handle(LossRecorded(lease), self.now_s))

    @precondition(lambda self: self.to_cut)
    @rule()
    def cut(self) -> None:
        """A lease is cut."""
        lease, count = self.to_cut.pop()
        pieces = into(self.gops[lease], count)
        self.gops.update({named(piece): piece for piece in pieces})
        made = tuple(LeaseSummary(named(piece), len(piece)) for piece in pieces)
        self.continues(self.ledger.handle(LeaseSplit(lease, made), self.now_s))

    @invariant()
    def holds(self) -> None:
        """What always holds, in the ledger and between it and the devices."""
        if not hasattr(self, "ledger"):
            return
        self.now_s += 1.0
        self.ledger.validate()
        assert self.ledger.devices == tuple(self.held)
        for device, lease in self.dropped:
            if lease not in self.held.get(device, ()):
                self.told.discard((device, lease))
        self.dropped &= {(d, lease) for d, leases in self.held.items() for lease in leases}
        alive = [self.gops[lease] for lease in self.gops if self.ledger.state(lease) != State.CUT]
        assert sum(map(len, alive)) == len(self.everything)
        assert frozenset().union(*alive) == self.everything, "no GOP is lost, none is there twice"

    def teardown(self) -> None:
        """From any state, one good device brings everything to its end."""
        if not hasattr(self, "ledger"):
            return
        self.join()
        while not self.ledger.finished:
            self.tick(9, 1.0)
            while self.to_record:
                self.record()
            while self.to_cut:
                self.cut()
            for device, leases in list(self.held.items()):
                if leases:
                    self.continues(self.ledger.handle(done(device, leases.pop(0)), self.now_s))
        self.holds()
        ended = {lease: self.ledger.state(lease) for lease in self.gops}
        assert set(ended.values()) <= {State.DONE, State.QUARANTINED, State.CUT}
        assert {k for k, state in ended.items() if state is State.QUARANTINED} == self.recorded


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_random_events_keep_the_invariants = LedgerMachine.TestCase


@given(
    size=st.integers(1, 200),
    data=st.data(),
    cause=st.sampled_from([Cause.DIED, Cause.SILENT]),
    pieces=st.integers(2, 6),
)
def test_exactly_the_gops_that_kill_are_given_up(
    size: int, data: st.DataObject, cause: Cause, pieces: int
) -> None:
    """Whichever they are, everything else is done, and few workers die for it."""
    killers = data.draw(st.frozensets(st.integers(0, size - 1), max_size=3))
    gops = {"all": frozenset(range(size))}
    ledger = ledger_of({"all": size}, SchedulingPolicy(pieces=pieces))
    commands = ledger.handle(DeviceJoined("x"), 0)
    kept: set[int] = set()
    lost: set[int] = set()
    deaths = 0
    while commands:
        command = commands.pop(0)
        match command:
            case Assign(device, lease) if gops[lease] & killers:
                deaths += 1
                commands += ledger.handle(DeviceLost(device, "killed", cause), 0)
                commands += ledger.handle(DeviceJoined(device), 0)
            case Assign(device, lease):
                kept |= gops[lease]
                commands += ledger.handle(done(device, lease), 0)
            case SplitLease(lease, count, _):
                made = {named(piece): piece for piece in into(gops[lease], count)}
                gops.update(made)
                cut = LeaseSplit(lease, tuple(LeaseSummary(k, len(v)) for k, v in made.items()))
                commands += ledger.handle(cut, 0)
            case RecordLoss(lease, _):
                lost |= gops[lease]
                commands += ledger.handle(LossRecorded(lease), 0)
        ledger.validate()
    assert ledger.finished
    assert lost == set(killers)
    assert kept == set(range(size)) - killers
    # Twice whole, then once a level for each, then three times the GOP alone.
    levels = 0
    while pieces**levels < size:
        levels += 1
    assert deaths <= 2 + len(killers) * (levels + 3)
