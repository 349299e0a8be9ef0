"""What happens to a fleet, and what the ledger wants done: the words between brain and hands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt


class Cause(StrEnum):
    """Why a device is gone.

    `DIED`: its process ended: a crash, no memory left, a kill. `SILENT`: it gave no sign of life
    for too long and was killed. `TAKEN`: its machine was taken away, which says nothing of what it
    ran.
    """

    DIED = "died"
    SILENT = "silent"
    TAKEN = "taken"


@dataclass(frozen=True)
class Piece:
    """A part of a lease, itself a lease; `gops`: how many GOPs it has."""

    lease: str
    gops: int


# Events: the pool and the loop tell the ledger.


@dataclass(frozen=True)
class DeviceJoined:
    """A device is open and takes leases."""

    device: str


@dataclass(frozen=True)
class DeviceLost:
    """A device is gone; whatever it held may or may not have been done."""

    device: str
    reason: str
    cause: Cause = Cause.DIED


@dataclass(frozen=True)
class LeaseDone:
    """A device committed a lease."""

    device: str
    lease: str
    receipt: Receipt


@dataclass(frozen=True)
class LeaseFailed:
    """A device gave a lease back with a fault; the device itself works on."""

    device: str
    lease: str
    fault: Fault


@dataclass(frozen=True)
class LeaseCut:
    """A lease was cut into pieces, which cover exactly what it covered, each GOP once."""

    lease: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class LossRecorded:
    """The loss of a quarantined lease stands in errors/."""

    lease: str


Event = DeviceJoined | DeviceLost | LeaseDone | LeaseFailed | LeaseCut | LossRecorded

# Commands: the ledger tells the pool and the loop.


@dataclass(frozen=True)
class Assign:
    """Hand a lease to a device; where it holds one already, it runs this one next.

    `last_try`: it will not be tried again.
    """

    device: str
    lease: str
    last_try: bool = False


@dataclass(frozen=True)
class CutLease:
    """Cut a lease into so many pieces, to find out which of them does the harm."""

    lease: str
    pieces: int
    fault: Fault


@dataclass(frozen=True)
class RecordLoss:
    """Give a lease up: write what it covers into errors/, with the fault that ended it."""

    lease: str
    fault: Fault


Command = Assign | CutLease | RecordLoss
