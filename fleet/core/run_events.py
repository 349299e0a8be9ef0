"""What a run tells those who watch it: small frozen values, sent by the driver's loop.

What the ledger is told (a device joined or was lost, a lease was done, failed or was cut) is passed
on to the watchers as it is; see `fleet.scheduler.commands`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.loss import Loss
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt


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
class LeaseCancelled:
    """A device has put down a lease as it was told to; `wall_s`: what it had spent on it."""

    device: str
    lease: str
    wall_s: float


@dataclass(frozen=True)
class LeaseTruncated:
    """A device that had to stop has committed a prefix of a lease; `remainder` is not done.

    `receipt`: of the front, which is a lease under a name of its own.
    """

    device: str
    lease: str
    receipt: Receipt
    remainder: LeaseSummary


@dataclass(frozen=True)
class NodeSetAside:
    """No device is started on a machine any more, as starts keep failing there."""

    node: str
    reason: str


@dataclass(frozen=True)
class Tick:
    """Time has passed, and nothing else."""


@dataclass(frozen=True)
class LeaseSplit:
    """A lease was cut into pieces, which cover exactly what it covered, each GOP once."""

    lease: str
    pieces: tuple[LeaseSummary, ...]


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
    | LeaseCancelled
    | LeaseTruncated
    | LeaseSplit
    | LossRecorded
    | NodeSetAside
    | Tick
)


@dataclass(frozen=True)
class RunStarted:
    """The plan is made and work begins.

    `video_s`, `frames`, `leases`: what there is to be in the output when the run is over, of which
    `done_video_s`, `done_frames` and `done_leases` were there before it. `output`: where it goes.
    `job`: the job's digest.
    """

    output: str
    videos: int
    video_s: float
    frames: int
    leases: int
    done_video_s: float = 0.0
    done_frames: int = 0
    done_leases: int = 0
    job: str = ""


@dataclass(frozen=True)
class LeaseStarted:
    """A lease was handed to a device, which may have another one to end first.

    `video_s`, `frames`: what the lease covers and how many frames are wanted of it. `backup`:
    another device is at it already, slowly; whoever is first counts.
    """

    device: str
    lease: str
    video_s: float
    frames: int
    backup: bool = False


@dataclass(frozen=True)
class BackupWasted:
    """What a device did of a lease came to nothing, as another was first; `wall_s`: spent on it."""

    device: str
    lease: str
    wall_s: float


@dataclass(frozen=True)
class LeaseQuarantined:
    """A lease was given up; `receipt` is of the commit that records its loss in errors/."""

    receipt: Receipt
    fault: Fault


@dataclass(frozen=True)
class VideoRefused:
    """A video that cannot be processed at all, and why."""

    loss: Loss


@dataclass(frozen=True)
class Warned:
    """Something that people should know of before it matters; `text`: a sentence."""

    text: str


@dataclass(frozen=True)
class RunEnded:
    """The run is over; `whole` where everything that was wanted is in the output."""

    whole: bool


RunEvent = (
    RunStarted
    | DeviceJoined
    | DeviceDraining
    | DeviceLost
    | LeaseStarted
    | BackupWasted
    | Progress
    | LeaseDone
    | LeaseFailed
    | LeaseTruncated
    | LeaseSplit
    | LeaseQuarantined
    | VideoRefused
    | Warned
    | RunEnded
)


class Observer(Protocol):
    """Someone who watches a run; called from the loop's thread, and must not hold it up."""

    def on_event(self, event: RunEvent) -> None:
        """Take note of what happened just now."""
