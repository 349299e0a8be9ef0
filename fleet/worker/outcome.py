"""What comes back from a worker for a lease: counts, never pixels."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.fault import Fault
from fleet.core.receipt import Receipt


@dataclass(frozen=True)
class Cancelled:
    """A lease was put down, as its worker was told to."""

    lease: str
    wall_s: float
    """Seconds that had been spent on it."""


@dataclass(frozen=True)
class Partial:
    """Some of a lease is committed; the videos of the rest could not be read."""

    receipt: Receipt
    fault: Fault


@dataclass(frozen=True)
class Gone:
    """The device is gone, and its worker can do nothing more: another one has to do the lease."""

    code: int
    """The number with which the device said so."""
    message: str
    """A sentence for people."""


Outcome = Receipt | Partial | Cancelled | Fault | Gone
"""A receipt is of what is committed under the lease's name, whichever attempt was first."""
