"""Which device holds which leases, according to the events; pure."""

from __future__ import annotations

from fleet.core.run_events import LeaseStarted


class LeaseAssignments:
    """The leases that devices hold; changed only by its methods.

    A device runs the first lease that it holds and fetches the next one meanwhile. Two devices hold
    a lease that has a backup. No method raises for a device or a lease that is unknown.
    """

    def __init__(self) -> None:
        self._leases_of: dict[str, dict[str, None]] = {}
        self._devices_of: dict[str, set[str]] = {}

    def assign(self, started: LeaseStarted) -> None:
        """Add a lease to a device; unless it is a backup, other devices hold it no longer."""
        if not started.backup:
            self.settle(started.lease)
        self._leases_of.setdefault(started.device, {})[started.lease] = None
        self._devices_of.setdefault(started.lease, set()).add(started.device)

    def release(self, device: str, lease: str) -> None:
        """Remove a lease from a device."""
        self._leases_of.get(device, {}).pop(lease, None)
        holders = self._devices_of.get(lease, set())
        holders.discard(device)
        if not holders:
            self._devices_of.pop(lease, None)

    def settle(self, lease: str) -> None:
        """Remove a lease from all devices that hold it."""
        for device in tuple(self._devices_of.get(lease, ())):
            self.release(device, lease)

    def remove_device(self, device: str) -> None:
        """Remove a device and all that it holds."""
        for lease in tuple(self._leases_of.get(device, ())):
            self.release(device, lease)
        self._leases_of.pop(device, None)

    def running_on(self, device: str) -> str:
        """Return the lease that a device runs; empty where it holds none."""
        return next(iter(self._leases_of.get(device, ())), "")

    @property
    def leases(self) -> int:
        """How many leases are held; one that has a backup counts once."""
        return len(self._devices_of)

    @property
    def running(self) -> int:
        """How many devices run a lease."""
        return sum(bool(held) for held in self._leases_of.values())

    @property
    def ahead(self) -> int:
        """How many leases devices hold beyond the one that they run."""
        return sum(max(0, len(held) - 1) for held in self._leases_of.values())
