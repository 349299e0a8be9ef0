"""What the thread that leads index leases expects of a pool of processes that look at headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fleet.core.run_events import Event, LeaseDone
from fleet.index_cache.looking import Looked
from fleet.plan.index_leases import IndexLease


@dataclass(frozen=True)
class IndexLeaseDone(LeaseDone):
    """The videos of an index lease were looked at, and what was found out is put."""

    looked: Looked = field(kw_only=True)


class IndexPool(Protocol):
    """Processes that take index leases; used from one thread. Its events call them devices."""

    def set_target(self, workers: int) -> None:
        """Aim at so many processes, at most one on each machine."""

    def apply(self, device: str, lease: IndexLease) -> None:
        """Hand a lease to a process; what comes of it is told by `poll`."""

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for something to happen, no longer than `timeout_s`.

        DeviceJoined, DeviceLost, IndexLeaseDone or LeaseFailed.
        """

    def close(self) -> None:
        """Let all processes go; also from another thread, where the one that leads it hangs."""


MakeIndexPool = Callable[[str], IndexPool]
"""Makes a pool that puts indexes into the folder of this address."""
