"""Who does what: the state of every lease, as a pure machine.

Events go in, commands come out; nothing here reads a clock, does I/O or knows Ray. Which moves are
legal is a table; `validate` states what always holds.

A lease that kills its workers is cut into pieces, and these are cut again, down to the one GOP that
does it. That one is given up, the rest is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from fleet.ascend.codes import Code
from fleet.driver.events import (
    Assign,
    Cause,
    Command,
    CutLease,
    DeviceJoined,
    DeviceLost,
    Event,
    LeaseCut,
    LeaseDone,
    LeaseFailed,
    LossRecorded,
    Piece,
    RecordLoss,
)
from fleet.driver.lease_state import ENDED, MOVES, Entry, Move, Rules, State
from fleet.errors import IllegalMove
from fleet.worker.fault import WORKER_STAGE, Fault

HELD = 2
"""Leases a device holds at most: one it runs, one whose bytes it fetches meanwhile."""


class Ledger:
    """The state of all leases and devices; changed only through `handle`.

    `leases`: the name of each, and how many GOPs it has.
    """

    def __init__(self, leases: Mapping[str, int], rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._entries = {lease: Entry(lease, gops) for lease, gops in leases.items()}
        self._waiting = deque(self._entries)
        self._suspects: deque[str] = deque()
        self._holding: dict[str, deque[str]] = {}
        self._counts = dict.fromkeys(State, 0) | {State.PENDING: len(self._entries)}

    @property
    def finished(self) -> bool:
        """Whether every lease is done, quarantined, or cut into pieces that are."""
        return sum(self._counts[state] for state in ENDED) == len(self._entries)

    def count(self, state: State) -> int:
        """How many leases stand so."""
        return self._counts[state]

    def state(self, lease: str) -> State:
        """Where a lease stands."""
        return self._entries[lease].state

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that are here now."""
        return tuple(self._holding)

    def handle(self, event: Event, now_s: float) -> list[Command]:
        """Take an event in and tell what is to be done; `now_s` only goes into the stories.

        Raises IllegalMove, with the lease's story, on an event that cannot be.
        """
        commands: list[Command] = []
        match event:
            case DeviceJoined(device):
                if device in self._holding:
                    raise IllegalMove(f"device {device} joined twice.")
                self._holding[device] = deque()
            case DeviceLost():
                commands = self._lose(event, now_s)
            case LeaseDone(device, lease, _):
                self._drop(device, lease)
                self._commit(lease, device, now_s)
            case LeaseFailed(device, lease, fault):
                self._drop(device, lease)
                commands = self._fail(lease, fault, now_s)
            case LeaseCut(lease, pieces):
                self._replace(self._entries[lease], pieces, now_s)
            case LossRecorded(lease):
                self._move(self._entries[lease], Move.RECORD, "", now_s)
        return commands + self._hand_out(now_s)

    def _lose(self, event: DeviceLost, now_s: float) -> list[Command]:
        held = self._holding.pop(event.device, deque())
        commands: list[Command] = []
        for place, lease in reversed(list(enumerate(held))):
            if place or event.cause is Cause.TAKEN:
                self._put_back(self._entries[lease], f"{event.device} lost", now_s)
            else:
                commands += self._blame(lease, _fault_of(event), now_s)
        return commands

    def _blame(self, lease: str, fault: Fault, now_s: float) -> list[Command]:
        """A worker died running it."""
        entry = self._entries[lease]
        entry.kills += 1
        if entry.kills < self._rules.deaths(entry):
            self._put_back(entry, str(fault), now_s)
            return []
        return self._narrow(entry, fault, now_s)

    def _fail(self, lease: str, fault: Fault, now_s: float) -> list[Command]:
        """A worker gave it back."""
        entry = self._entries[lease]
        entry.kills = 0
        entry.failures += 1
        if fault.retryable and entry.failures < self._rules.attempts:
            self._put_back(entry, str(fault), now_s)
            return []
        return (self._narrow if fault.local else self._give_up)(entry, fault, now_s)

    def _narrow(self, entry: Entry, fault: Fault, now_s: float) -> list[Command]:
        """Cut what does harm, or give it up where there is nothing left to cut."""
        if entry.gops == 1:
            return self._give_up(entry, fault, now_s)
        self._move(entry, Move.DIVIDE, str(fault), now_s)
        return [CutLease(entry.lease, min(self._rules.pieces, entry.gops), fault)]

    def _give_up(self, entry: Entry, fault: Fault, now_s: float) -> list[Command]:
        self._move(entry, Move.GIVE_UP, str(fault), now_s)
        return [RecordLoss(entry.lease, fault)]

    def _replace(self, entry: Entry, pieces: tuple[Piece, ...], now_s: float) -> None:
        if len(pieces) < 2 or sum(piece.gops for piece in pieces) != entry.gops:
            raise IllegalMove(f"lease {entry.lease} of {entry.gops} GOPs cut into {pieces}.")
        names = tuple(piece.lease for piece in pieces)
        self._move(entry, Move.REPLACE, " ".join(names), now_s)
        entry.pieces = names
        for piece in pieces:
            if piece.lease in self._entries:
                raise IllegalMove(f"piece {piece.lease} of lease {entry.lease} is there already.")
            self._entries[piece.lease] = Entry(piece.lease, piece.gops, piece=True)
        self._counts[State.PENDING] += len(pieces)
        self._suspects.extendleft(reversed(names))

    def _commit(self, lease: str, device: str, now_s: float) -> None:
        entry = self._entries[lease]
        if entry.state in ENDED or entry.state in {State.LOST, State.CUTTING}:
            entry.story.append(f"{now_s:.3f} committed late by {device}")
            return
        if entry.state is State.PENDING:
            (self._suspects if lease in self._suspects else self._waiting).remove(lease)
        elif entry.device != device and lease in self._holding.get(entry.device, ()):
            # Another device is at it: its own commit will say the same again.
            entry.story.append(f"{now_s:.3f} also committed by {device}")
            return
        self._move(entry, Move.COMMIT, device, now_s)

    def _put_back(self, entry: Entry, why: str, now_s: float) -> None:
        self._move(entry, Move.RETURN, why, now_s)
        (self._suspects if entry.suspect else self._waiting).appendleft(entry.lease)

    def _hand_out(self, now_s: float) -> list[Command]:
        """Give every device one lease before any gets its second."""
        commands: list[Command] = []
        for depth in range(1, HELD + 1):
            for device, held in self._holding.items():
                if not (self._waiting or self._suspects):
                    return commands
                if len(held) < depth and (lease := self._next(held)):
                    commands.append(self._assign(device, lease, now_s))
        return commands

    def _next(self, held: deque[str]) -> str | None:
        """Choose what a device takes: suspects first, which share it with no other lease."""
        if self._suspects and not held:
            return self._suspects.popleft()
        if not self._waiting or any(self._entries[lease].suspect for lease in held):
            return None
        return self._waiting.popleft()

    def _assign(self, device: str, lease: str, now_s: float) -> Assign:
        entry = self._entries[lease]
        entry.device = device
        self._holding[device].append(lease)
        self._move(entry, Move.ASSIGN, device, now_s)
        return Assign(device, lease, last_try=entry.failures + 1 == self._rules.attempts)

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
        queued = [*self._waiting, *self._suspects]
        states = {lease: entry.state for lease, entry in self._entries.items()}
        assert len(held) == len(set(held)), "a lease is held by one device at a time"
        assert {k for k, s in states.items() if s is State.LEASED} == set(held)
        assert {k for k, s in states.items() if s is State.PENDING} == set(queued)
        assert len(queued) == len(set(queued)), "a lease waits once"
        assert all(self._entries[lease].suspect for lease in self._suspects)
        assert not any(self._entries[lease].suspect for lease in self._waiting)
        for leases in self._holding.values():
            assert len(leases) <= HELD
            alone = any(self._entries[lease].suspect for lease in leases)
            assert len(leases) < 2 or not alone, "a suspect has a device to itself"
        assert all(e.failures <= self._rules.attempts for e in self._entries.values())
        assert all(e.kills <= self._rules.deaths(e) for e in self._entries.values())
        for entry in self._entries.values():
            gops = sum(self._entries[piece].gops for piece in entry.pieces)
            assert gops == (entry.gops if entry.state is State.CUT else 0), "pieces are the whole"
        counted = dict.fromkeys(State, 0)
        for state in states.values():
            counted[state] += 1
        assert counted == self._counts
        idle = [device for device, leases in self._holding.items() if not leases]
        assert not (idle and queued), "nobody is idle while a lease waits"


def _fault_of(event: DeviceLost) -> Fault:
    if event.cause is Cause.SILENT:
        code = Code.ACL_ERROR_RT_LOST_HEARTBEAT
        message = f"The worker gave no sign of life while it ran this: {event.reason}"
        return Fault(WORKER_STAGE, code, code.name, message, retryable=True)
    message = f"The worker died while it ran this: {event.reason}"
    return Fault(WORKER_STAGE, 0, "WorkerDied", message, retryable=True)
