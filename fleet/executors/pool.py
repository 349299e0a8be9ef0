"""What the loop expects of a pool of devices, whether it lives in this process or under Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fleet.core.progress import Progress
from fleet.core.run_events import DevicesAwaited, Event
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate


class Pool(Protocol):
    """Devices that take leases; used from one thread."""

    @property
    def capacity(self) -> int:
        """How many devices there could be on the machines that are here now, ours included."""

    def set_target(self, devices: int) -> None:
        """Aim at so many devices, those that start included.

        Those missing are asked for, and come as there is room. What is too many is no longer asked
        for; a device that has come is let go by `Release` alone.
        """

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Hand a lease, spelled out, to a device."""

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """Have a device put down a lease, end it early, or go.

        What comes of it is told by `poll`: LeaseCancelled, LeaseTruncated or, where it was just
        done, LeaseDone; DeviceLost (RELEASED).
        """

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for something to happen, no longer than `timeout_s`."""

    def progress(self) -> Sequence[Progress | DevicesAwaited]:
        """Tell where devices stand, and how many are on their way, as far as something is new."""

    def close(self) -> None:
        """Let all devices go; what they have not committed is not done."""
