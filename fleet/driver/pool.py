"""What the loop expects of a pool of devices, whether it lives in this process or under Ray."""

from __future__ import annotations

from typing import Protocol

from fleet.driver.events import Assign, Event
from fleet.plan.order import LeaseOrder
from fleet.worker.spec import Progress


class Pool(Protocol):
    """Devices that take leases; used from one thread."""

    def want(self, devices: int) -> None:
        """Have so many devices start, if there are not as many already; none is taken away."""

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Hand a lease, spelled out, to a device."""

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for something to happen, no longer than `timeout_s`."""

    def progress(self) -> list[Progress]:
        """Tell where devices stand, as far as something new was heard."""

    def close(self) -> None:
        """Let all devices go; what they have not committed is not done."""
