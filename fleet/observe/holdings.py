"""Which device holds which leases, as far as events tell; pure."""

from __future__ import annotations

from fleet.core.run_events import LeaseStarted


class LeaseAssignments:
    """Leases in hand; changed only by its methods.

    A device runs the first lease that it holds and fetches the next one meanwhile. A lease may be
    held by several devices: twins. Nothing raises for devices and leases it never heard of.
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[str, None]] = {}
        self._at: dict[str, set[str]] = {}

    def hand(self, started: LeaseStarted) -> None:
        """Give a lease to a device; whoever held it before has it no longer, but for twins."""
        if not started.backup:
            self.settle(started.lease)
        self._of.setdefault(started.device, {})[started.lease] = None
        self._at.setdefault(started.lease, set()).add(started.device)

    def put_down(self, device: str, lease: str) -> None:
        """Take a lease from a device."""
        self._of.get(device, {}).pop(lease, None)
        holders = self._at.get(lease, set())
        holders.discard(device)
        if not holders:
            self._at.pop(lease, None)

    def settle(self, lease: str) -> None:
        """Take a lease from whoever holds it."""
        for device in tuple(self._at.get(lease, ())):
            self.put_down(device, lease)

    def leave(self, device: str) -> None:
        """Take everything from a device."""
        for lease in tuple(self._of.get(device, ())):
            self.put_down(device, lease)
        self._of.pop(device, None)

    def first(self, device: str) -> str:
        """Name the lease that a device runs; empty where it holds none."""
        return next(iter(self._of.get(device, ())), "")

    @property
    def leases(self) -> int:
        """How many leases somebody holds; of twins, one."""
        return len(self._at)

    @property
    def running(self) -> int:
        """How many devices run a lease."""
        return sum(bool(held) for held in self._of.values())

    @property
    def ahead(self) -> int:
        """How many leases are handed out to be run next."""
        return sum(max(0, len(held) - 1) for held in self._of.values())
