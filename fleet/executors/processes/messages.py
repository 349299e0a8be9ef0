"""What the driver and a worker's process say to each other, besides commands and progress."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.errors import FleetError
from fleet.executors.processes.parcel import Parcel
from fleet.plan.order import LeaseOrder
from fleet.worker.outcome import Outcome


@dataclass(frozen=True)
class Open:
    """To a worker, first of all: what it is for; it answers with Opened or NotOpened."""

    parcel: Parcel
    """Of its WorkerSpec."""
    device: str
    number: int
    folders: tuple[str, ...]
    """Where modules are found: when the process began, the job's own were perhaps not loaded."""
    cores: frozenset[int]
    """The cores that it may use."""


@dataclass(frozen=True)
class Run:
    """To a worker: a lease, answered with an Answer."""

    order: LeaseOrder


@dataclass(frozen=True)
class ReadAhead:
    """To a worker: a second core is there for a lease from here on; no answer."""

    lease: str


@dataclass(frozen=True)
class AskProgress:
    """To a worker: answered with its Progress, also while it runs a lease."""


@dataclass(frozen=True)
class Close:
    """To a worker without a lease: close the device and end."""


@dataclass(frozen=True)
class Opened:
    """From a worker: its device is open."""


@dataclass(frozen=True)
class NotOpened:
    """From a worker: its device could not be opened."""

    reason: str
    """For people."""
    error: FleetError | None
    """What was raised, where that is an error of ours."""


@dataclass(frozen=True)
class Answer:
    """From a worker: what a lease came to."""

    lease: str
    outcome: Outcome
