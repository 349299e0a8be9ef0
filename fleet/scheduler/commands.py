"""What happens to a fleet, and what the ledger wants done: the words between brain and hands."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.fault import Fault

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
    """Cut a lease into so many pieces.

    `fault`: what it did, to find out which of the pieces does it; None: so that more devices can
    share in it.
    """

    lease: str
    pieces: int
    fault: Fault | None


@dataclass(frozen=True)
class RecordLoss:
    """Give a lease up: write what it covers into errors/, with the fault that ended it."""

    lease: str
    fault: Fault


@dataclass(frozen=True)
class Waste:
    """Nothing is to be done, but to tell: what a device did of a lease was done by another."""

    device: str
    lease: str
    wall_s: float


Command = Assign | Cancel | Truncate | Release | SplitLease | RecordLoss | Waste
