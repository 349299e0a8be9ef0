"""The ledger: random events never break its invariants, and every GOP ends exactly once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleet.driver.events import (
    Assign,
    Cause,
    Command,
    CutLease,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    Drop,
    LeaseCut,
    LeaseDone,
    LeaseDropped,
    LeaseFailed,
    LeaseShortened,
    LossRecorded,
    Piece,
    RecordLoss,
    Release,
    Shorten,
    Tick,
    Waste,
)
from fleet.driver.lease_state import MOVES, Move, Rules, State
from fleet.driver.ledger import Ledger
from fleet.errors import IllegalMove
from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt, Tally

BUSY = Fault("storage", 0, "StorageError", "the store was busy", retryable=True)
NEVER = Fault("job", 0, "TypeError", "the job is wrong", retryable=False)
MEMORY = Fault("worker", 0, "MemoryError", "no memory", retryable=True)
REFUSED = Fault("device", 207005, "X", "no channel", retryable=False)


def receipt(lease: str, device: str) -> Receipt:
    """Make a receipt that covers nothing."""
    return Receipt(lease, (), (), Tally(), device)


def done(device: str, lease: str) -> LeaseDone:
    """Make the event of a committed lease."""
    return LeaseDone(device, lease, receipt(lease, device))


def ledger_of(gops: Mapping[str, int], rules: Rules | None = None, cost_s: float = 0) -> Ledger:
    """A ledger of leases of so many GOPs, which cost `cost_s` each."""
    return Ledger([Piece(lease, n, cost_s * n) for lease, n in gops.items()], rules)


def single(names: Iterable[str], rules: Rules | None = None) -> Ledger:
    """A ledger of leases of one GOP each."""
    return ledger_of(dict.fromkeys(names, 1), rules)


def assigned(commands: list[Command]) -> list[tuple[str, str]]:
    """Read out who was given what."""
    return [(c.device, c.lease) for c in commands if isinstance(c, Assign)]


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
    ledger = ledger_of({"a": 8}, Rules(attempts=3))
    commands = ledger.handle(DeviceJoined("x"), 0)
    for number in range(2):
        assert commands == [Assign("x", "a", last_try=False)], number
        commands = ledger.handle(LeaseFailed("x", "a", BUSY), 1)
    assert commands == [Assign("x", "a", last_try=True)]
    assert ledger.handle(LeaseFailed("x", "a", BUSY), 1) == [RecordLoss("a", BUSY)]
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
def test_a_fault_that_a_part_may_have_caused_cuts_the_lease(fault: Fault, attempts: int) -> None:
    """The rest of it can be done."""
    ledger = ledger_of({"a": 8})
    commands = ledger.handle(DeviceJoined("x"), 0)
    for _ in range(attempts):
        assert [type(command) for command in commands] == [Assign]
        commands = ledger.handle(LeaseFailed("x", "a", fault), 1)
    assert commands == [CutLease("a", 4, fault)]


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
    ledger = ledger_of({"a": 1}, Rules(attempts=2))
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


def test_a_lease_that_kills_twice_is_cut_and_its_pieces_take_its_place() -> None:
    """The pieces go first; a piece that kills is cut at once; the GOP that does it is given up."""
    ledger = ledger_of({"a": 5, "b": 1})
    ledger.handle(DeviceJoined("x"), 0)
    killed(ledger, "x")
    commands = ledger.handle(DeviceLost("x", "killed"), 1)
    assert [(c.lease, c.pieces) for c in commands if isinstance(c, CutLease)] == [("a", 4)]
    ledger.handle(DeviceJoined("x"), 2)
    ledger.handle(
        LeaseCut("a", (Piece("a0", 2), Piece("a1", 1), Piece("a2", 1), Piece("a3", 1))), 3
    )
    ledger.validate()
    assert assigned(ledger.handle(done("x", "b"), 4)) == [("x", "a0")]
    commands = ledger.handle(DeviceLost("x", "killed"), 5)
    assert [(c.lease, c.pieces) for c in commands if isinstance(c, CutLease)] == [("a0", 2)]
    ledger.handle(LeaseCut("a0", (Piece("a00", 1), Piece("a01", 1))), 6)
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


def test_a_lease_that_was_cut_cannot_be_committed_any_more() -> None:
    """Its pieces are done again: counting both would write rows twice."""
    ledger = ledger_of({"a": 2}, Rules(kills=1))
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "cut off"), 1)
    ledger.handle(done("x", "a"), 2)
    assert ledger.state("a") is State.CUTTING
    ledger.handle(LeaseCut("a", (Piece("p", 1), Piece("q", 1))), 3)
    ledger.handle(done("x", "a"), 4)
    assert ledger.state("a") is State.CUT
    assert not ledger.finished


@pytest.mark.parametrize("pieces", [(), (Piece("p", 3),), (Piece("p", 1), Piece("q", 1))])
def test_pieces_that_do_not_make_up_the_lease_are_refused(pieces: tuple[Piece, ...]) -> None:
    """Nothing may get lost in cutting."""
    ledger = ledger_of({"a": 3}, Rules(kills=1))
    ledger.handle(DeviceJoined("x"), 0)
    ledger.handle(DeviceLost("x", "killed"), 1)
    with pytest.raises(IllegalMove, match="lease a of 3 GOPs"):
        ledger.handle(LeaseCut("a", pieces), 2)


def test_a_prefetched_lease_is_not_blamed_for_its_device() -> None:
    """Only the lease that ran when a device died has killed it."""
    ledger = single("ab", Rules(attempts=1))
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
    assert ledger.handle(done("x", "a"), 3) == [Drop("y", "a")]
    ledger.validate()
    assert ledger.finished
    assert ledger.handle(LeaseDropped("y", "a", 1.5), 4) == [Waste("y", "a", 1.5)]
    assert ledger.budget.wasted_s == 1.5


def test_an_impossible_event_tells_the_story_of_the_lease() -> None:
    """Recording a loss nobody asked for names the lease and what happened to it."""
    ledger = single("a")
    ledger.handle(DeviceJoined("x"), 0)
    killed(ledger, "x", Cause.TAKEN)
    with pytest.raises(
        IllegalMove, match=r"lease a: record while leased, held by \['x'\]\. So far: 1\.000 return"
    ):
        ledger.handle(LossRecorded("a"), 1)


def test_no_state_is_left_but_by_a_move() -> None:
    """The three that end a lease are left by none, all others by some."""
    left = {state for state, _ in MOVES}
    assert set(State) - left == {State.DONE, State.QUARANTINED, State.CUT}
    assert {move for _, move in MOVES} == set(Move)


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
        rules=st.builds(Rules, st.integers(1, 3), st.integers(1, 3), st.integers(2, 5)),
    )
    def begin(self, sizes: list[int], rules: Rules) -> None:
        """Start with some leases and no device."""
        ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
        spans = [frozenset(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
        self.everything = frozenset(range(ends[-1]))
        self.gops = {named(span): span for span in spans}
        self.ledger = ledger_of({name: len(span) for name, span in self.gops.items()}, rules)

    def follow(self, commands: list[Command]) -> None:
        """Do what the ledger says, as a pool would."""
        for command in commands:
            match command:
                case Assign(device, lease):
                    self.held[device].append(lease)
                    assert len(self.held[device]) <= 2
                case Drop(device, lease) | Shorten(device, lease):
                    assert lease in self.held[device]
                    self.told.add((device, lease))
                    if isinstance(command, Drop):
                        self.dropped.add((device, lease))
                case Release(device):
                    assert not self.held[device]
                case CutLease(lease, pieces, _):
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
        self.follow(self.ledger.handle(DeviceJoined(device), self.now_s))

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
                self.follow(self.ledger.handle(LeaseDropped(device, lease, 1.0), self.now_s))
        elif self.held[device][0] == lease:
            self.held[device].remove(lease)
            self.shorten(device, lease)

    def shorten(self, device: str, lease: str) -> None:
        """Commit a front of it."""
        front, rest = into(self.gops[lease], 2)
        known = {named(front), named(rest)} & set(self.gops)
        if known or self.ledger.state(lease) not in {State.PENDING, State.LEASED}:
            self.follow(self.ledger.handle(done(device, lease), self.now_s))
            return
        self.gops |= {named(front): front, named(rest): rest}
        whole = receipt(named(front), device)
        event = LeaseShortened(device, lease, whole, Piece(named(rest), len(rest)))
        self.follow(self.ledger.handle(event, self.now_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), left_s=st.floats(0, 60))
    def drain(self, data: st.DataObject, left_s: float) -> None:
        """The machine of a device is about to go."""
        device = data.draw(st.sampled_from(sorted(self.held)))
        self.follow(self.ledger.handle(DeviceDraining(device, left_s), self.now_s))

    @rule(wanted=st.integers(0, 4), passes_s=st.floats(0, 20))
    def tick(self, wanted: int, passes_s: float) -> None:
        """Time passes."""
        self.now_s += passes_s
        self.ledger.want(wanted)
        self.follow(self.ledger.handle(Tick(), self.now_s))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), cause=st.sampled_from(Cause))
    def lose(self, data: st.DataObject, cause: Cause) -> None:
        """A device goes; it may be a zombie that works on."""
        device = data.draw(st.sampled_from(sorted(self.held)))
        self.zombies += [(device, lease) for lease in self.held.pop(device)]
        self.follow(self.ledger.handle(DeviceLost(device, "gone", cause), self.now_s))

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), outcome=st.sampled_from([None, BUSY, NEVER, MEMORY, REFUSED]))
    def answer(self, data: st.DataObject, outcome: Fault | None) -> None:
        """A device ends the lease it runs."""
        device = data.draw(st.sampled_from(sorted(d for d, leases in self.held.items() if leases)))
        lease = self.held[device].pop(0)
        event = LeaseFailed(device, lease, outcome) if outcome else done(device, lease)
        self.follow(self.ledger.handle(event, self.now_s))

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def late_commit(self, data: st.DataObject) -> None:
        """A zombie commits."""
        device, lease = data.draw(st.sampled_from(self.zombies))
        self.zombies.remove((device, lease))
        self.follow(self.ledger.handle(done(device, lease), self.now_s))

    @precondition(lambda self: self.to_record)
    @rule()
    def record(self) -> None:
        """A loss is written."""
        lease = self.to_record.pop()
        self.recorded.add(lease)
        self.follow(self.ledger.handle(LossRecorded(lease), self.now_s))

    @precondition(lambda self: self.to_cut)
    @rule()
    def cut(self) -> None:
        """A lease is cut."""
        lease, count = self.to_cut.pop()
        pieces = into(self.gops[lease], count)
        self.gops.update({named(piece): piece for piece in pieces})
        made = tuple(Piece(named(piece), len(piece)) for piece in pieces)
        self.follow(self.ledger.handle(LeaseCut(lease, made), self.now_s))

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
                    self.follow(self.ledger.handle(done(device, leases.pop(0)), self.now_s))
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
    ledger = ledger_of({"all": size}, Rules(pieces=pieces))
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
            case CutLease(lease, count, _):
                made = {named(piece): piece for piece in into(gops[lease], count)}
                gops.update(made)
                cut = LeaseCut(lease, tuple(Piece(k, len(v)) for k, v in made.items()))
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
