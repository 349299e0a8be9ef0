"""Devices in this process, one after the other: for tests, debugging and very small jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from fleet.driver.events import Assign, DeviceJoined, Event, LeaseDone, LeaseFailed
from fleet.plan.order import LeaseOrder
from fleet.worker.fault import Fault
from fleet.worker.spec import Progress, WorkerSpec
from fleet.worker.worker import Worker


class InlinePool:
    """Runs each assigned lease to its end within `poll`."""

    def __init__(
        self, spec: WorkerSpec, devices: int, order: Callable[[Assign], LeaseOrder]
    ) -> None:
        self._order = order
        self._assigned: deque[Assign] = deque()
        self._workers = {f"inline/{n}": Worker(spec, f"inline/{n}", n) for n in range(devices)}
        for worker in self._workers.values():
            worker.open()
        self._joining: list[Event] = [DeviceJoined(device) for device in self._workers]

    def apply(self, command: Assign) -> None:
        """Queue a lease."""
        self._assigned.append(command)

    def poll(self, timeout_s: float) -> list[Event]:
        """Run the next lease; `timeout_s` does not matter here, nothing is waited for."""
        del timeout_s
        if self._joining:
            joined, self._joining = self._joining, []
            return joined
        if not self._assigned:
            return []
        command = self._assigned.popleft()
        outcome = self._workers[command.device].run(self._order(command))
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
