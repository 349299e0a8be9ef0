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
    ran. `RELEASED`: it was let go, as there was nothing more for it to do.
    """

    DIED = "died"
    SILENT = "silent"
    TAKEN = "taken"
    RELEASED = "released"


ELSEWHERE = "other runs"
"""What stands in the place of a device's name where another run did a lease."""


@dataclass(frozen=True)
class Piece:
    """A lease as the ledger knows it: how many GOPs it has, their cost, the video it begins with.

    Where a lease is cut, its pieces are leases too.
    """

    lease: str
    gops: int
    cost_s: float = 0.0
    uri: str = ""


# Events: the pool and the loop tell the ledger.


@dataclass(frozen=True)
class DeviceJoined:
    """A device is open and takes leases; `node`: the machine it is in, as people know it."""

    device: str
    node: str = ""


@dataclass(frozen=True)
class DeviceLost:
    """A device is gone; whatever it held may or may not have been done.

    `ran`: the lease that it computed when it was last heard of, where that is known: the one that
    it was given before that may have been on its way into the output still.
    """

    device: str
    reason: str
    cause: Cause = Cause.DIED
    ran: str = ""


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
class DeviceDraining:
    """A device's machine goes away `left_s` seconds from now; until then the device works on."""

    device: str
    left_s: float


@dataclass(frozen=True)
class LeaseDropped:
    """A device has put down a lease as it was told to; `wall_s`: what it had spent on it."""

    device: str
    lease: str
    wall_s: float


@dataclass(frozen=True)
class LeaseShortened:
    """A device that had to stop has committed the front of a lease; `rest`: what it did not do.

    `receipt`: of the front, which is a lease under a name of its own.
    """

    device: str
    lease: str
    receipt: Receipt
    rest: Piece


@dataclass(frozen=True)
class NodeSetAside:
    """No device is started on a machine any more, as starts keep failing there."""

    node: str
    reason: str


@dataclass(frozen=True)
class Tick:
    """Time has passed, and nothing else."""


@dataclass(frozen=True)
class LeaseCut:
    """A lease was cut into pieces, which cover exactly what it covered, each GOP once."""

    lease: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class LossRecorded:
    """The loss of a quarantined lease stands in errors/."""

    lease: str


Event = (
    DeviceJoined
    | DeviceDraining
    | DeviceLost
    | LeaseDone
    | LeaseFailed
    | LeaseDropped
    | LeaseShortened
    | LeaseCut
    | LossRecorded
    | NodeSetAside
    | Tick
)

# Commands: the ledger tells the pool and the loop.


@dataclass(frozen=True)
class Assign:
    """Hand a lease to a device; where it holds one already, it runs this one next.

    `last_try`: it will not be tried again. `twin`: another device is at it, slowly.
    """

    device: str
    lease: str
    last_try: bool = False
    twin: bool = False


@dataclass(frozen=True)
class Drop:
    """Have a device put down a lease that it holds: it is done, or given to another one."""

    device: str
    lease: str


@dataclass(frozen=True)
class Shorten:
    """Have a device end the lease that it runs after the GOP in hand, and commit up to there."""

    device: str
    lease: str


@dataclass(frozen=True)
class Release:
    """Let a device go: there is nothing more for it to do."""

    device: str


@dataclass(frozen=True)
class CutLease:
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


Command = Assign | Drop | Shorten | Release | CutLease | RecordLoss | Waste
