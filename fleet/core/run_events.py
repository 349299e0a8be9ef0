"""The events of a run: small frozen values that the driver's loop sends to observers.

Those that the ledger takes are passed on to observers unchanged; see `fleet.scheduler.commands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.loss import Loss
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt


class Cause(StrEnum):
    """Why a device is gone."""

    DIED = "died"
    """Its process ended: a crash, no memory left, a kill."""
    SILENT = "silent"
    """It gave no sign of life for too long and was killed."""
    TAKEN = "taken"
    """Its machine was taken away, which says nothing about what it ran."""
    RELEASED = "released"
    """It was released, as there was no more work for it."""


ELSEWHERE = "other runs"
"""The device's name of leases that another run did."""


@dataclass(frozen=True)
class DeviceJoined:
    """A device is open and takes leases; `node`: the name of the machine that it is in."""

    device: str
    node: str = ""


@dataclass(frozen=True)
class DeviceLost:
    """A device is gone; the leases that it held may or may not be done."""

    device: str
    reason: str
    """A sentence for people."""
    cause: Cause = Cause.DIED
    ran: str = ""
    """The lease that it was computing when it last reported, empty where that is not known; the
    lease before that one may not have been committed yet either."""
    code: int = 0
    """The number with which the device itself has said so; 0 where it has not."""


@dataclass(frozen=True)
class LeaseDone:
    """Something is committed under a lease's name: all of it, or some, as its receipt tells."""

    device: str
    lease: str
    receipt: Receipt
    fault: Fault | None = None
    """Why the device has not done the rest; None where it has, or was told to end early."""


@dataclass(frozen=True)
class LeaseFailed:
    """A device gave a lease back with a fault; the device itself works on."""

    device: str
    lease: str
    fault: Fault


@dataclass(frozen=True)
class DeviceDraining:
    """A device will be taken away, mostly with its machine; until then it works on."""

    device: str
    left_s: float
    """Seconds until then."""
    given_back: bool = False
    """Whether its machine stays, and the device is given back for another job to have it."""


@dataclass(frozen=True)
class LeaseCancelled:
    """A device has cancelled a lease as it was told to; `wall_s`: what it had spent on it."""

    device: str
    lease: str
    wall_s: float


@dataclass(frozen=True)
class LeaseTruncated:
    """Only some of a lease is committed under its name; the remainder is to be done."""

    device: str
    lease: str
    receipt: Receipt
    """Of what is committed."""
    remainder: LeaseSummary
    fault: Fault | None = None
    """Why the device has not done it; None where it was told to end early."""


@dataclass(frozen=True)
class NodeSetAside:
    """No device is started on a machine any more, because starts fail there again and again."""

    node: str
    reason: str


@dataclass(frozen=True)
class DevicesShared:
    """The job shares the devices of a cluster with others, or has them to itself again."""

    share: int
    """How many devices it is to have."""
    of: int
    """How many there are for all."""
    weight: float
    weights: float
    """The sum of all weights, its own included."""
    jobs: int
    """How many jobs there are, itself included."""


@dataclass(frozen=True)
class Tick:
    """Time has passed, and nothing else."""


@dataclass(frozen=True)
class LeaseSplit:
    """A lease was split into pieces, which cover exactly what it covered, each GOP once."""

    lease: str
    pieces: tuple[LeaseSummary, ...]
    device: str = ""
    """The device that found it split by another run; empty where this run has split it."""


@dataclass(frozen=True)
class LossRecorded:
    """The loss of a quarantined lease is recorded in errors/."""

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
    | DevicesShared
    | Tick
)


@dataclass(frozen=True)
class RunStarted:
    """The plan is made, or its first window, and work begins."""

    output: str
    videos: int
    video_s: float
    """Seconds of video that the output is to cover when the run is over."""
    frames: int
    """Frames that it is to hold then."""
    leases: int
    """Leases that it is to hold then."""
    done_video_s: float = 0.0
    """How many of those seconds were covered before the run; likewise the next two."""
    done_frames: int = 0
    done_leases: int = 0
    job: str = ""
    left: Mapping[str, int] = field(default_factory=dict)
    """Kind -> names in the inputs that are no videos."""
    looked_at: int = 0
    """How many files of the inputs these numbers are of."""
    to_look: int = 0
    """How many are listed and yet to be looked at; 0: the plan is whole, unless it `lists_on`."""
    lists_on: bool = False
    """Whether further files are being listed."""


@dataclass(frozen=True)
class PlanGrew:
    """More files were looked at; `plan`: all that is planned by now."""

    plan: RunStarted


@dataclass(frozen=True)
class DevicesAwaited:
    """How many devices that a run has asked for do not take leases yet, from now on."""

    opening: int
    """Those that have a machine, and load the job and its model there."""
    unplaced: int
    """Those that wait for a machine with room."""


@dataclass(frozen=True)
class LeaseStarted:
    """A lease was given to a device, which may have another one to finish first."""

    device: str
    lease: str
    video_s: float
    """Seconds of video that the lease covers."""
    frames: int
    backup: bool = False
    """Whether another device runs it already, slowly; the first to finish counts."""


@dataclass(frozen=True)
class BackupWasted:
    """A device worked on a lease in vain, because another one finished it first."""

    device: str
    lease: str
    wall_s: float
    """Seconds that it had spent on it."""


@dataclass(frozen=True)
class LeaseQuarantined:
    """A lease was given up."""

    receipt: Receipt
    """Of the commit that records its loss in errors/."""
    fault: Fault


@dataclass(frozen=True)
class VideoRefused:
    """A video that cannot be processed at all, and why."""

    loss: Loss


@dataclass(frozen=True)
class Warned:
    """Something that people should know before it does harm."""

    text: str
    """A sentence."""


@dataclass(frozen=True)
class OutputRefused(Warned):
    """The output takes nothing, so that the run waits; or it takes something again."""

    waits: bool
    """Whether the run waits from now on."""


@dataclass(frozen=True)
class RunEnded:
    """The run is over."""

    whole: bool
    """Whether all that was wanted is in the output."""


RunEvent = (
    RunStarted
    | PlanGrew
    | DeviceJoined
    | DeviceDraining
    | DeviceLost
    | DevicesAwaited
    | DevicesShared
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
