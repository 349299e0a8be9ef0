"""What the ledger wants done."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.fault import Fault
from fleet.core.run_events import BackupWasted

# Commands: the ledger tells the pool and the loop.


@dataclass(frozen=True)
class Assign:
    """Hand a lease to a device; where it holds one already, it runs this one next.

    `last_try`: it will not be tried again. `backup`: another device is at it, slowly.
    """

    device: str
    lease: str
    last_try: bool = False
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
class SplitLease:
    """Split a lease into so many pieces."""

    lease: str
    pieces: int
    fault: Fault | None
    """What it did, to find out which piece does it; None: so that more devices can share in it."""
    was_held: bool = True
    """Whether some device may be at it still, so that its name must be taken first."""


@dataclass(frozen=True)
class RecordLoss:
    """Give a lease up: write what it covers into errors/, with the fault that ended it."""

    lease: str
    fault: Fault


Command = Assign | Cancel | Truncate | Release | SplitLease | RecordLoss | BackupWasted
"""What the ledger wants done; of a wasted backup, the observers are only to be told."""
