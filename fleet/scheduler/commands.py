"""What the ledger wants done."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.fault import Fault
from fleet.core.run_events import BackupWasted

# Commands: the ledger tells the pool and the loop.


@dataclass(frozen=True)
class Assign:
    """Hand a lease to a device; where it holds one already, it runs this one next.

    `backup`: another device is at it, slowly.
    """

    device: str
    lease: str
    backup: bool = False


@dataclass(frozen=True)
class Cancel:
    """Have a device put down a lease that it holds: it is done, or given to another one."""

    device: str
    lease: str


@dataclass(frozen=True)
class Truncate:
    """Have a device end the lease that it runs after the GOP in hand, and commit up to there."""

    device: str
    lease: str


@dataclass(frozen=True)
class Release:
    """Let a device go: there is nothing more for it to do."""

    device: str


@dataclass(frozen=True)
class SetNodeAside:
    """Start no device on a node any more: it cannot read what others can."""

    node: str
    reason: str


@dataclass(frozen=True)
class SplitLease:
    """Take a lease's name, so that nobody can commit it any more, and split it into pieces."""

    lease: str
    pieces: int
    fault: Fault | None
    """What it did, to find out which piece does it; None: so that more devices can share in it."""


@dataclass(frozen=True)
class RecordLoss:
    """Give a lease up: write what it covers into errors/, with the fault that ended it."""

    lease: str
    fault: Fault


Command = (
    Assign | Cancel | Truncate | Release | SetNodeAside | SplitLease | RecordLoss | BackupWasted
)
"""What the ledger wants done; of a wasted backup, the observers are only to be told."""
