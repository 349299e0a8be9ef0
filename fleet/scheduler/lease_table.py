"""Every lease, where it stands and who holds it; when one is tried again, cut, or given up."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.errors import IllegalMoveError
from fleet.scheduler.balance import BackupBudget
from fleet.scheduler.commands import Command, RecordLoss, SplitLease
from fleet.scheduler.lease_state import ENDED, MOVES, Entry, Move, SchedulingPolicy, State
from fleet.scheduler.ready_queue import ReadyQueue


class LeaseTable:
    """The leases of a run; only the ledger changes them, and only by the moves of the table."""

    def __init__(self, pieces: Iterable[LeaseSummary], rules: SchedulingPolicy) -> None:
        self.budget = BackupBudget()
        self.entries: dict[str, Entry] = {}
        self.waiting = ReadyQueue(())
        self.counts = dict.fromkeys(State, 0)
        self.coming_s: float | None = None
        """Estimated seconds of one device in leases that are yet to be added; None: there are
        none."""
        self._gops = 0
        self._rules = rules
        self._to_share: set[str] = set()
        self.add(pieces)

    def add(self, pieces: Iterable[LeaseSummary]) -> None:
        """Have further leases wait, behind those that do."""
        for piece in pieces:
            if piece.lease in self.entries:
                raise IllegalMoveError(f"lease {piece.lease} is there already.")
            entry = Entry(piece.lease, piece.gops, piece.cost_s, piece.uri)
            self.entries[piece.lease] = entry
            self.waiting.add(entry)
            self.counts[State.PENDING] += 1
            self._gops += piece.gops

    @property
    def finished(self) -> bool:
        """Whether all leases are there, and each is done, given up, or cut into such pieces."""
        ended = sum(self.counts[state] for state in ENDED)
        return self.coming_s is None and ended == len(self.entries)

    def give(self, entry: Entry, device: str, now_s: float) -> None:
        """Have a device hold a lease that waited, or another one as well."""
        if entry.holders:
            self._move(entry, Move.BACKUP, device, now_s)
            self.budget.running += 1
            self.budget.started += 1
        else:
            self._move(entry, Move.ASSIGN, "", now_s)
        entry.holders += (device,)

    def take(self, entry: Entry, device: str) -> bool:
        """Have a device hold it no longer; gives whether it did."""
        if device not in entry.holders:
            return False
        if len(entry.holders) > 1:
            self.budget.running -= 1
        entry.holders = tuple(holder for holder in entry.holders if holder != device)
        return True

    def put_back(self, entry: Entry, why: str, now_s: float) -> None:
        """Have it wait again, before others."""
        self._move(entry, Move.RETURN, why, now_s)
        self.waiting.put(entry)

    def commit(self, entry: Entry, now_s: float) -> None:
        """It is done."""
        if entry.state is State.PENDING:
            self.waiting.left(entry)
        self._move(entry, Move.COMMIT, "", now_s)

    def truncate(self, entry: Entry, remainder: LeaseSummary, now_s: float) -> Entry:
        """Take some of a lease for done; the remainder waits as a lease under another name."""
        if not 0 < remainder.gops < entry.gops or remainder.lease in self.entries:
            raise IllegalMoveError(f"lease {entry.lease} of {entry.gops} GOPs leaves {remainder}.")
        if entry.state is State.PENDING:
            self.waiting.left(entry)
        self._move(entry, Move.TRUNCATE, remainder.lease, now_s)
        entry.gops -= remainder.gops
        entry.cost_s -= remainder.cost_s
        left = Entry(
            remainder.lease,
            remainder.gops,
            remainder.cost_s,
            remainder.uri or entry.uri,
            entry.suspect,
        )
        self.entries[left.lease] = left
        left.unread, left.failed_on = entry.unread, entry.failed_on
        self.counts[State.PENDING] += 1
        self.waiting.put(left)
        return left

    def unread(
        self, entry: Entry, fault: Fault, node: str, nodes: AbstractSet[str], now_s: float
    ) -> None:
        """Let a lease wait whose input a node could not read, for others among `nodes` first.

        Where it was tried often enough, and everywhere, it is left for the next run.
        """
        entry.unread += 1
        if node not in entry.failed_on:
            entry.failed_on += (node,)
        if entry.unread >= self._rules.attempts and nodes <= set(entry.failed_on):
            if entry.state is State.PENDING:
                self.waiting.left(entry)
            self._move(entry, Move.POSTPONE, str(fault), now_s)
        elif entry.state is State.LEASED:
            self.put_back(entry, str(fault), now_s)

    def take_up_again(self, node: str, now_s: float) -> None:
        """Have leases wait again whose inputs none of the nodes before this one could read."""
        if self.counts[State.UNREACHED]:
            for entry in self.entries.values():
                if entry.state is State.UNREACHED and node not in entry.failed_on:
                    self.put_back(entry, f"{node} has joined", now_s)

    def share(self, entry: Entry, pieces: int, now_s: float) -> SplitLease:
        """Have one that has just been taken from those that wait cut, for more devices."""
        self._move(entry, Move.DIVIDE, "to be shared", now_s)
        self._to_share.add(entry.lease)
        return SplitLease(entry.lease, pieces, None)

    def replace(self, entry: Entry, pieces: tuple[LeaseSummary, ...], now_s: float) -> None:
        """Let its pieces stand for it."""
        if entry.state is State.PENDING:
            self.waiting.left(entry)
        self._move(entry, Move.REPLACE, " ".join(piece.lease for piece in pieces), now_s)
        for piece in reversed(
            self._split(entry, pieces, suspect=entry.lease not in self._to_share)
        ):
            self.waiting.put(piece)

    def _split(
        self, entry: Entry, pieces: tuple[LeaseSummary, ...], *, suspect: bool
    ) -> list[Entry]:
        if len(pieces) < 2 or sum(piece.gops for piece in pieces) != entry.gops:
            raise IllegalMoveError(f"lease {entry.lease} of {entry.gops} GOPs cut into {pieces}.")
        entry.pieces = tuple(piece.lease for piece in pieces)
        made = []
        for piece in pieces:
            if piece.lease in self.entries:
                raise IllegalMoveError(
                    f"piece {piece.lease} of lease {entry.lease} is there already."
                )
            cost_s = piece.cost_s or entry.cost_s * piece.gops / entry.gops
            made.append(Entry(piece.lease, piece.gops, cost_s, piece.uri or entry.uri, suspect))
            self.entries[piece.lease] = made[-1]
        self.counts[State.PENDING] += len(made)
        return made

    def blame(self, entry: Entry, fault: Fault, now_s: float) -> list[Command]:
        """A worker died running it."""
        entry.kills += 1
        if entry.kills < self._rules.deaths(entry):
            self.put_back(entry, str(fault), now_s)
            return []
        return self._narrow(entry, fault, now_s)

    def fail(self, entry: Entry, fault: Fault, now_s: float) -> list[Command]:
        """A worker gave it back."""
        entry.kills = 0
        entry.failures += 1
        if fault.retryable and entry.failures < self._rules.attempts:
            self.put_back(entry, str(fault), now_s)
            return []
        return (self._narrow if fault.is_splittable else self._give_up)(entry, fault, now_s)

    def _narrow(self, entry: Entry, fault: Fault, now_s: float) -> list[Command]:
        """Cut what does harm, or give it up where there is nothing left to cut."""
        if entry.gops == 1:
            return self._give_up(entry, fault, now_s)
        self._move(entry, Move.DIVIDE, str(fault), now_s)
        return [SplitLease(entry.lease, min(self._rules.pieces, entry.gops), fault)]

    def _give_up(self, entry: Entry, fault: Fault, now_s: float) -> list[Command]:
        self._move(entry, Move.GIVE_UP, str(fault), now_s)
        return [RecordLoss(entry.lease, fault)]

    def record(self, entry: Entry, now_s: float) -> None:
        """Its loss stands in errors/."""
        self._move(entry, Move.RECORD, "", now_s)

    def _move(self, entry: Entry, move: Move, note: str, now_s: float) -> None:
        target = MOVES.get((entry.state, move))
        if target is None:
            story = "; ".join(entry.story) or "nothing out of the ordinary"
            message = f"lease {entry.lease}: {move} while {entry.state}"
            raise IllegalMoveError(f"{message}, held by {list(entry.holders)}. So far: {story}")
        self.counts[entry.state] -= 1
        self.counts[target] += 1
        entry.state = target
        if note:
            entry.note(now_s, f"{move} {note}")

    def check(self) -> None:
        """State what always holds; raises AssertionError where it does not."""
        gops, counted = 0, dict.fromkeys(State, 0)
        waits = dict.fromkeys((True, False), 0)
        for entry in self.entries.values():
            counted[entry.state] += 1
            assert bool(entry.holders) == (entry.state is State.LEASED), "who is at it, holds it"
            assert len(set(entry.holders)) == len(entry.holders) <= 2
            assert entry.failures <= self._rules.attempts
            assert entry.state in ENDED or entry.kills <= self._rules.deaths(entry)
            assert bool(entry.pieces) == (entry.state is State.CUT)
            gops += 0 if entry.pieces else entry.gops
            if entry.state is State.PENDING:
                waits[entry.suspect] += 1
        assert gops == self._gops, "pieces, prefixes and remainders are the whole"
        assert counted == self.counts
        assert (waits[False], waits[True]) == (self.waiting.plain, self.waiting.suspects)
        backups = sum(len(entry.holders) > 1 for entry in self.entries.values())
        assert backups == self.budget.running
