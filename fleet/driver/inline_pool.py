"""Devices in this process, one after the other: for tests, debugging and very small jobs."""

from __future__ import annotations

from collections import deque

from fleet.driver.events import Assign, DeviceJoined, Event, LeaseDone, LeaseFailed
from fleet.plan.order import LeaseOrder
from fleet.worker.fault import Fault
from fleet.worker.spec import Progress, WorkerSpec
from fleet.worker.worker import Worker


class InlinePool:
    """Runs each assigned lease to its end within `poll`."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._assigned: deque[tuple[Assign, LeaseOrder]] = deque()
        self._workers: dict[str, Worker] = {}
        self._joining: list[Event] = []

    def want(self, devices: int) -> None:
        """Open devices until there are so many."""
        for number in range(len(self._workers), devices):
            device = f"inline/{number}"
            self._workers[device] = Worker(self._spec, device, number)
            self._workers[device].open()
            self._joining.append(DeviceJoined(device))

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Queue a lease."""
        self._assigned.append((command, order))

    def poll(self, timeout_s: float) -> list[Event]:
        """Run the next lease; `timeout_s` does not matter here, nothing is waited for."""
        del timeout_s
        if self._joining:
            joined, self._joining = self._joining, []
            return joined
        if not self._assigned:
            return []
        command, order = self._assigned.popleft()
        outcome = self._workers[command.device].run(order)
        if isinstance(outcome, Fault):
            return [LeaseFailed(command.device, command.lease, outcome)]
        return [LeaseDone(command.device, command.lease, outcome)]

    def progress(self) -> list[Progress]:
        """Tell where each device stands."""
        return [worker.progress() for worker in self._workers.values()]

    def close(self) -> None:
        """Close the devices."""
        for worker in self._workers.values():
            worker.close()
