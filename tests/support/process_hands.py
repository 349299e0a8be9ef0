"""A pool of processes, turned by a test, and what its processes come to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixel_leases import TIMEOUT_S

from fleet.core.progress import Progress
from fleet.core.run_events import (
    DevicesAwaited,
    Event,
)
from fleet.executors.processes.pool import ProcessPool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign


@dataclass
class Hands:
    """A pool, and everything that it has told."""

    pool: ProcessPool
    told: list[Event] = field(default_factory=list)
    heard: dict[str, Progress] = field(default_factory=dict)
    """Device -> where it stands."""
    awaited: list[DevicesAwaited] = field(default_factory=list)
    """How many were on their way, each time that this was told."""

    def turn(self) -> None:
        """Poll once, and ask where devices stand."""
        self.told += self.pool.poll(0.1)
        for news in self.pool.progress():
            if isinstance(news, DevicesAwaited):
                self.awaited.append(news)
            else:
                self.heard[news.device] = news

    def until(self, kind: type[Any], many: int = 1) -> Any:
        """Poll until there have been so many events of a kind, and return the last one."""
        self.wait(lambda: len(self.of(kind)) >= many, f"{many} {kind.__name__}")
        return self.of(kind)[-1]

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of a kind."""
        return [event for event in self.told if isinstance(event, kind)]

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Poll until something holds."""
        end_s = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < end_s, f"no {what} in {self.told}"
            self.turn()

    def pid(self, device: str) -> int:
        """Return the process of a device."""
        self.wait(lambda: device in self.heard, f"word of {device}")
        return self.heard[device].pid

    def until_at(self, device: str, lease: str) -> None:
        """Poll until a device says that it is at a lease."""
        self.heard.pop(device, None)
        self.wait(lambda: device in self.heard and self.heard[device].lease == lease, lease)


def gone(pid: int) -> bool:
    """Return whether there is no such process any more, or only its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def until_gone(pid: int) -> None:
    """Wait until a process is gone."""
    end_s = time.monotonic() + TIMEOUT_S
    while not gone(pid):
        assert time.monotonic() < end_s, f"{pid} is still there"
        time.sleep(0.02)


def give(hands: Hands, device: str, made: LeaseOrder) -> None:
    """Hand a lease out."""
    hands.pool.apply(Assign(device, made.lease), made)


@dataclass(frozen=True)
class Held:
    """Stands at each frame until a file is there."""

    until: Path

    def __call__(self, _: int) -> None:
        """Wait."""
        while not self.until.exists():
            time.sleep(0.01)
