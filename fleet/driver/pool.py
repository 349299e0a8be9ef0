"""What the loop expects of a pool of devices, whether it lives in this process or under Ray."""

from __future__ import annotations

from typing import Protocol

from fleet.driver.events import Assign, Event
from fleet.worker.spec import Progress


class Pool(Protocol):
    """Devices that take leases; used from one thread."""

    def apply(self, command: Assign) -> None:
        """Hand a lease to a device."""

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for something to happen, no longer than `timeout_s`."""

    def progress(self) -> list[Progress]:
        """Tell where devices stand, as far as something new was heard."""

    def close(self) -> None:
        """Let all devices go; what they have not committed is not done."""
