"""The place of one device in a pool of processes, from when it is asked for until it is gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.executors.processes.process import WorkerProcess


@dataclass(eq=False)
class Seat:
    """One device; changed only by the pool that holds it."""

    device: str
    process: WorkerProcess
    joined: bool = False
    """Whether it is open."""
    asked: bool = False
    """Whether it owes an answer about its progress."""
    leases: list[str] = field(default_factory=list)
    """Those that it was given and has not answered, in order."""
    ran: str = ""
    """The lease that it computed when it last answered."""
