"""Ledgers and what they are told, for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import LeaseDone
from fleet.scheduler.commands import Assign, Command
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.scheduler.ledger import Ledger

BUSY = Fault("storage", 0, "StorageError", "the store was busy", retryable=True)
NEVER = Fault("job", 0, "TypeError", "the job is wrong", retryable=False)
MEMORY = Fault("worker", 0, "MemoryError", "no memory", retryable=True)
REFUSED = Fault("device", 207005, "X", "no channel", retryable=False)


@dataclass(frozen=True)
class Committed:
    """What is committed under a lease's name."""

    gops: frozenset[int]
    """The GOPs that are there, or lost: all of them, or the first few."""
    pieces: int = 0
    """Into how many pieces the lease was split; then none of it is there under its name."""
    is_lost: bool = False


def receipt(lease: str, device: str) -> Receipt:
    """Make a receipt that covers nothing."""
    return Receipt(lease, (), (), Tally(), device)


def done(device: str, lease: str) -> LeaseDone:
    """Make the event of a committed lease."""
    return LeaseDone(device, lease, receipt(lease, device))


def ledger_of(
    gops: Mapping[str, int],
    rules: SchedulingPolicy | None = None,
    cost_s: float = 0,
    coming_s: float | None = None,
) -> Ledger:
    """A ledger of leases of so many GOPs, which cost `cost_s` each."""
    return Ledger(summaries(gops, cost_s), rules, coming_s)


def summaries(gops: Mapping[str, int], cost_s: float = 0) -> list[LeaseSummary]:
    """Sum up leases of so many GOPs, which cost `cost_s` each."""
    return [LeaseSummary(lease, n, cost_s * n) for lease, n in gops.items()]


def single(names: Iterable[str], rules: SchedulingPolicy | None = None) -> Ledger:
    """A ledger of leases of one GOP each."""
    return ledger_of(dict.fromkeys(names, 1), rules)


def assigned(commands: list[Command]) -> list[tuple[str, str]]:
    """Read out who was given what."""
    return [(c.device, c.lease) for c in commands if isinstance(c, Assign)]


def divided(gops: frozenset[int], count: int) -> list[frozenset[int]]:
    """Divide a lease's GOPs as the loop does: in order, in pieces of about one size."""
    ordered = sorted(gops)
    bounds = [len(ordered) * n // count for n in range(count + 1)]
    return [frozenset(ordered[a:b]) for a, b in pairwise(bounds)]


def named(gops: frozenset[int]) -> str:
    """Name a lease by exactly what it covers."""
    return ",".join(map(str, sorted(gops)))
