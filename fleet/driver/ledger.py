"""Who does what: the state of every lease, as a pure machine.

Events go in, commands come out; nothing here reads a clock, does I/O or knows Ray. Which moves are
legal is a table; `validate` states what always holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from fleet.driver.events import (
    Assign,
    Command,
    DeviceJoined,
    DeviceLost,
    Event,
    LeaseDone,
    LeaseFailed,
    LossRecorded,
    RecordLoss,
)
from fleet.errors import IllegalMove
from fleet.worker.fault import Fault


class State(StrEnum):
    """Where a lease stands."""

    PENDING = "pending"
    LEASED = "leased"
    LOST = "lost"
    DONE = "done"
    QUARANTINED = "quarantined"


class Move(StrEnum):
    """What can happen to a lease."""

    ASSIGN = "assign"
    COMMIT = "commit"
    RETURN = "return"
    GIVE_UP = "give up"
    RECORD = "record"


MOVES: dict[tuple[State, Move], State] = {
    (State.PENDING, Move.ASSIGN): State.LEASED,
    (State.LEASED, Move.COMMIT): State.DONE,
    (State.LEASED, Move.RETURN): State.PENDING,
    (State.LEASED, Move.GIVE_UP): State.LOST,
    (State.LOST, Move.RECORD): State.QUARANTINED,
    # A worker that was given up for dead may commit all the same; its parts carry the lease's own
    # name and the same rows, so the work counts.
    (State.PENDING, Move.COMMIT): State.DONE,
}
ENDED = frozenset({State.DONE, State.QUARANTINED})
HELD = 2
"""Leases a device holds at most: one it runs, one whose bytes it fetches meanwhile."""


@dataclass(frozen=True)
class Rules:
    """`attempts`: how often a lease is tried before it is given up."""

    attempts: int = 3

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"a lease is tried at least once: {self}")


@dataclass
class Entry:
    """One lease in the ledger; changed only by the ledger that holds it."""

    lease: str
    state: State = State.PENDING
    device: str = ""
    attempts: int = 0
    story: list[str] = field(default_factory=list)


class Ledger:
    """The state of all leases and devices; changed only through `handle`."""

    def __init__(self, leases: Iterable[str], rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._entries = {lease: Entry(lease) for lease in leases}
        self._waiting = deque(self._entries)
        self._holding: dict[str, deque[str]] = {}
        self._counts = dict.fromkeys(State, 0) | {State.PENDING: len(self._entries)}

    @property
    def finished(self) -> bool:
        """Whether every lease is done or quarantined."""
        return sum(self._counts[state] for state in ENDED) == len(self._entries)

    def count(self, state: State) -> int:
        """How many leases stand so."""
        return self._counts[state]

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that are here now."""
        return tuple(self._holding)

    def handle(self, event: Event, now_s: float) -> list[Command]:
        """Take an event in and tell what is to be done; `now_s` only goes into the stories.

        Raises IllegalMove, with the lease's story, on an event that cannot be.
        """
        match event:
            case DeviceJoined(device):
                if device in self._holding:
                    raise IllegalMove(f"device {device} joined twice.")
                self._holding[device] = deque()
                commands: list[Command] = []
            case DeviceLost(device, reason):
                commands = self._lose(device, reason, now_s)
            case LeaseDone(device, lease, _):
                self._drop(device, lease)
                commands = self._commit(lease, device, now_s)
            case LeaseFailed(device, lease, fault):
                self._drop(device, lease)
                commands = self._fail(lease, fault, now_s)
            case LossRecorded(lease):
                self._move(self._entries[lease], Move.RECORD, "", now_s)
                commands = []
        return commands + self._hand_out(now_s)

    def _lose(self, device: str, reason: str, now_s: float) -> list[Command]:
        held = self._holding.pop(device, deque())
        commands: list[Command] = []
        for place, lease in enumerate(held):
            entry = self._entries[lease]
            if place == 0:
                message = f"The device {device} was lost while it ran this: {reason}"
                fault = Fault("device", 507010, "LOST_HEARTBEAT", message, retryable=True)
                commands += self._fail(lease, fault, now_s)
            else:
                # It was only being fetched: no attempt of its own.
                entry.attempts -= 1
                self._put_back(entry, f"{device} lost before its turn", now_s)
        return commands

    def _commit(self, lease: str, device: str, now_s: float) -> list[Command]:
        entry = self._entries[lease]
        if entry.state in ENDED or entry.state is State.LOST:
            return []
        if entry.state is State.PENDING:
            self._waiting.remove(lease)
        elif entry.device != device and lease in self._holding.get(entry.device, ()):
            # Another device is at it: its own commit will say the same again.
            entry.story.append(f"{now_s:.3f} also committed by {device}")
            return []
        self._move(entry, Move.COMMIT, device, now_s)
        return []

    def _fail(self, lease: str, fault: Fault, now_s: float) -> list[Command]:
        entry = self._entries[lease]
        if fault.retryable and entry.attempts < self._rules.attempts:
            self._put_back(entry, str(fault), now_s)
            return []
        self._move(entry, Move.GIVE_UP, str(fault), now_s)
        return [RecordLoss(lease, fault)]

    def _put_back(self, entry: Entry, why: str, now_s: float) -> None:
        self._move(entry, Move.RETURN, why, now_s)
        self._waiting.appendleft(entry.lease)

    def _hand_out(self, now_s: float) -> list[Command]:
        """Give every device one lease before any gets its second."""
        commands: list[Command] = []
        for depth in range(1, HELD + 1):
            for device, held in self._holding.items():
                if self._waiting and len(held) < depth:
                    entry = self._entries[self._waiting.popleft()]
                    entry.attempts += 1
                    entry.device = device
                    held.append(entry.lease)
                    self._move(entry, Move.ASSIGN, device, now_s)
                    last_try = entry.attempts == self._rules.attempts
                    commands.append(Assign(device, entry.lease, last_try))
        return commands

    def _drop(self, device: str, lease: str) -> None:
        held = self._holding.get(device)
        if held is not None and lease in held:
            held.remove(lease)

    def _move(self, entry: Entry, move: Move, note: str, now_s: float) -> None:
        target = MOVES.get((entry.state, move))
        if target is None:
            story = "; ".join(entry.story) or "nothing yet"
            raise IllegalMove(f"lease {entry.lease}: {move} while {entry.state}. So far: {story}")
        self._counts[entry.state] -= 1
        self._counts[target] += 1
        entry.state = target
        entry.story.append(f"{now_s:.3f} {move} {note}".rstrip())

    def validate(self) -> None:
        """State what always holds; raises AssertionError where it does not."""
        held = [lease for leases in self._holding.values() for lease in leases]
        states = {lease: entry.state for lease, entry in self._entries.items()}
        assert len(held) == len(set(held)), "a lease is held by one device at a time"
        assert {k for k, s in states.items() if s is State.LEASED} == set(held)
        assert {k for k, s in states.items() if s is State.PENDING} == set(self._waiting)
        assert len(self._waiting) == len(set(self._waiting)), "a lease waits once"
        assert all(len(leases) <= HELD for leases in self._holding.values())
        assert all(e.attempts <= self._rules.attempts for e in self._entries.values())
        counted = dict.fromkeys(State, 0)
        for state in states.values():
            counted[state] += 1
        assert counted == self._counts
        idle = [device for device, leases in self._holding.items() if not leases]
        assert not (idle and self._waiting), "nobody is idle while a lease waits"
