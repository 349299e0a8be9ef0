"""What a run tells those who watch it: small frozen values, sent by the driver's loop.

What the ledger is told (a device joined or was lost, a lease was done, failed or was cut) is passed
on to the watchers as it is; see `fleet.driver.events`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet.driver.events import (
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseCut,
    LeaseDone,
    LeaseFailed,
    LeaseShortened,
)
from fleet.output.loss import Loss
from fleet.worker.fault import Fault
from fleet.worker.receipt import Receipt
from fleet.worker.spec import Progress


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

    `video_s`, `frames`: what the lease covers and how many frames are wanted of it. `twin`: another
    device is at it already, slowly; whoever is first counts.
    """

    device: str
    lease: str
    video_s: float
    frames: int
    twin: bool = False


@dataclass(frozen=True)
class TwinLost:
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
    | TwinLost
    | Progress
    | LeaseDone
    | LeaseFailed
    | LeaseShortened
    | LeaseCut
    | LeaseQuarantined
    | VideoRefused
    | Warned
    | RunEnded
)


class Observer(Protocol):
    """Someone who watches a run; called from the loop's thread, and must not hold it up."""

    def see(self, event: RunEvent) -> None:
        """Take note of what happened just now."""
