"""The ledger under random events: its invariants hold, and every GOP is committed exactly once."""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ledgers import (
    BUSY,
    MEMORY,
    NEVER,
    REFUSED,
    Committed,
    divided,
    done,
    ledger_of,
    named,
    receipt,
    summaries,
)

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import (
    ELSEWHERE,
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseCancelled,
    LeaseDone,
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
from fleet.scheduler.lease_state import ENDED, SchedulingPolicy, State


class LedgerMachine(RuleBasedStateMachine):
    """Random fleets: devices come and go, leases succeed, fail, are split and come back late.

    The output is modelled, too: the first commit of a lease's name counts, whoever makes it, and
    the others are told of that one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.held: dict[str, list[str]] = {}
        self.told: set[tuple[str, str]] = set()
        self.dropped: set[tuple[str, str]] = set()
        self.zombies: list[tuple[str, str]] = []
        self.recorded: set[str] = set()
        self.output: dict[str, Committed] = {}
        self.joined = 0

    @initialize(
        sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8),
        first=st.integers(0, 8),
        policy=st.builds(SchedulingPolicy, st.integers(1, 3), st.integers(1, 3), st.integers(2, 5)),
        gop_s=st.sampled_from([0.0, 10.0]),
    )
    def begin(self, sizes: list[int], first: int, policy: SchedulingPolicy, gop_s: float) -> None:
        """Start with the first few leases and no device; the others come while these are done."""
        ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
        spans = [frozenset(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
        self.gops = {named(span): span for span in spans[:first]}
        self.coming = deque(spans[first:])
        self.everything = frozenset().union(*spans[:first])
        sized = {name: len(span) for name, span in self.gops.items()}
        self.gop_s = gop_s
        self.ledger = ledger_of(sized, policy, gop_s, 1.0 if self.coming else None)

    @precondition(lambda self: self.coming)
    @rule(count=st.integers(0, 3))
    def plan(self, count: int = 9) -> None:
        """Some more leases are planned, or none of what was looked at is to be done."""
        spans = [self.coming.popleft() for _ in range(min(count, len(self.coming)))]
        self.gops |= {named(span): span for span in spans}
        self.everything |= frozenset().union(*spans)
        sized = {named(span): len(span) for span in spans}
        coming_s = 1.0 if self.coming else None
        self.continues(self.ledger.add(summaries(sized, self.gop_s), coming_s, self.now_s))

    def continues(self, commands: list[Command]) -> None:
        """Do what the ledger says, as the loop and a pool would."""
        to_do = deque(commands)
        while to_do:
            command = to_do.popleft()
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
                case SplitLease(lease, pieces):
                    assert 2 <= pieces <= len(self.gops[lease])
                    to_do += self.split(lease, pieces)
                case RecordLoss(lease):
                    to_do += self.record(lease)

    def split(self, lease: str, pieces: int) -> list[Command]:
        """Take a lease's name for its pieces, unless it is taken."""
        first = self.output.setdefault(lease, Committed(frozenset(), pieces))
        if first.pieces != pieces:
            return self.ledger.handle(self.compared(ELSEWHERE, lease), self.now_s)
        return self.ledger.handle(LeaseSplit(lease, self.pieces_of(lease, pieces)), self.now_s)

    def record(self, lease: str) -> list[Command]:
        """Write a loss, unless the lease's name is taken."""
        first = self.output.setdefault(lease, Committed(self.gops[lease], is_lost=True))
        if not first.is_lost:
            return self.ledger.handle(self.compared(ELSEWHERE, lease), self.now_s)
        self.recorded.add(lease)
        return self.ledger.handle(LossRecorded(lease), self.now_s)

    def pieces_of(self, lease: str, count: int) -> tuple[LeaseSummary, ...]:
        """Divide a lease into pieces, under names of their own."""
        pieces = {named(piece): piece for piece in divided(self.gops[lease], count)}
        self.gops.update(pieces)
        return tuple(LeaseSummary(name, len(piece)) for name, piece in pieces.items())

    def compared(self, device: str, lease: str) -> LeaseDone | LeaseTruncated | LeaseSplit:
        """Tell what became of a lease that a device has committed, or found committed."""
        first = self.output[lease]
        if self.ledger.state(lease) in ENDED:
            return done(device, lease)
        if first.pieces:
            return LeaseSplit(lease, self.pieces_of(lease, first.pieces), device)
        left = self.gops[lease] - first.gops
        if not left:
            return done(device, lease)
        self.gops |= {lease: first.gops, named(left): left}
        remainder = LeaseSummary(named(left), len(left), self.gop_s * len(left))
        return LeaseTruncated(device, lease, receipt(lease, device), remainder)

    def commit(self, device: str, lease: str, gops: frozenset[int]) -> None:
        """Commit a lease or a prefix of it, unless another was first, and tell what is there."""
        self.output.setdefault(lease, Committed(gops))
        self.continues(self.ledger.handle(self.compared(device, lease), self.now_s))

    def prefix(self, lease: str, data: st.DataObject) -> frozenset[int]:
        """Choose the first few GOPs of a lease, or all."""
        gops = sorted(self.gops[lease])
        return frozenset(gops[: data.draw(st.integers(1, len(gops)))])

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
        if data.draw(st.booleans()):
            if (device, lease) in self.dropped:
                self.held[device].remove(lease)
                self.continues(self.ledger.handle(LeaseCancelled(device, lease, 1.0), self.now_s))
        elif self.held[device][0] == lease:
            self.held[device].remove(lease)
            self.commit(device, lease, self.prefix(lease, data))

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
        if outcome is None:
            self.commit(device, lease, self.gops[lease])
        else:
            event = LeaseFailed(device, lease, outcome)
            self.continues(self.ledger.handle(event, self.now_s))

    @precondition(lambda self: self.zombies)
    @rule(data=st.data(), is_heard=st.booleans())
    def late_commit(self, data: st.DataObject, is_heard: bool) -> None:
        """A zombie commits, and is heard of or not."""
        device, lease = data.draw(st.sampled_from(self.zombies))
        self.zombies.remove((device, lease))
        gops = self.prefix(lease, data)
        if is_heard:
            self.commit(device, lease, gops)
        else:
            self.output.setdefault(lease, Committed(gops))

    @precondition(lambda self: self.gops)
    @rule(data=st.data(), what=st.sampled_from(["rows", "pieces", "loss"]), is_heard=st.booleans())
    def share(self, data: st.DataObject, what: str, is_heard: bool) -> None:
        """Another run does a lease, splits it or gives it up, and is heard of or not."""
        lease = data.draw(st.sampled_from(sorted(self.gops)))
        gops, committed = self.gops[lease], Committed(self.prefix(lease, data))
        if what == "pieces" and len(gops) > 1:
            committed = Committed(frozenset(), data.draw(st.integers(2, len(gops))))
        elif what == "loss":
            committed = Committed(gops, is_lost=True)
        self.output.setdefault(lease, committed)
        if is_heard and self.ledger.state(lease) not in ENDED:
            self.continues(self.ledger.handle(self.compared(ELSEWHERE, lease), self.now_s))

    @invariant()
    def holds(self) -> None:
        """What always holds, in the ledger and between it and the devices."""
        if not hasattr(self, "ledger"):
            return
        self.now_s += 1.0
        self.ledger.validate()
        assert self.ledger.devices == tuple(self.held)
        assert self.ledger.is_whole == (not self.coming)
        assert not (self.coming and self.ledger.finished), "more is to come"
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
        if self.coming:
            self.plan()
        self.join()
        while not self.ledger.finished:
            self.tick(9, 1.0)
            for device, leases in list(self.held.items()):
                if leases:
                    lease = leases.pop(0)
                    self.commit(device, lease, self.gops[lease])
        self.holds()
        ended = {lease: self.ledger.state(lease) for lease in self.gops}
        assert set(ended.values()) <= {State.DONE, State.QUARANTINED, State.CUT}
        assert {k for k, state in ended.items() if state is State.QUARANTINED} == self.recorded
        while self.zombies:
            _, lease = self.zombies.pop()
            self.output.setdefault(lease, Committed(self.gops[lease]))
        there = [committed.gops for committed in self.output.values()]
        assert sum(map(len, there)) == len(self.everything), "no GOP is committed twice"
        assert frozenset().union(*there) == self.everything, "all are committed"


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_random_events_keep_the_invariants = LedgerMachine.TestCase
