"""The place of one device in a pool of processes, from when it is asked for until it is gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.executors.processes.process import WorkerProcess
from fleet.scheduler.spare_cores import Running


@dataclass(eq=False)
class Seat:
    """One device; changed only by the pool that holds it."""

    device: str
    process: WorkerProcess
    joined: bool = False
    """Whether it is open."""
    asked: bool = False
    """Whether it owes an answer about its progress."""
    leases: dict[str, Running] = field(default_factory=dict)
    """Those that it was given and has not answered, in order."""
    ran: str = ""
    """The lease that it computed when it last answered."""

    @property
    def computed(self) -> Running | None:
        """The lease that it computes, as far as it has told; None where it has none."""
        return self.leases.get(self.ran) or next(iter(self.leases.values()), None)
