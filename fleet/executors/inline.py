"""Devices in this process, one after the other: for tests, debugging and very small jobs."""

from __future__ import annotations

from collections import deque
from itertools import count

from fleet.core.progress import Progress
from fleet.core.run_events import Cause, DeviceJoined, DeviceLost, Event, LeaseCancelled
from fleet.executors.outcomes import event_of
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.worker.spec import WorkerSpec
from fleet.worker.worker import Worker

NODE = "this process"


class InlinePool:
    """Runs each assigned lease to its end within `poll`."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._wanted = 0
        self._numbers = count()
        self._assigned: deque[tuple[Assign, LeaseOrder]] = deque()
        self._workers: dict[str, Worker] = {}
        self._untold: list[Event] = []

    @property
    def capacity(self) -> int:
        """See Pool; as many as are wanted."""
        return self._wanted

    def set_target(self, devices: int) -> None:
        """Open devices until there are so many."""
        self._wanted = devices
        for _ in range(len(self._workers), devices):
            number = next(self._numbers)
            device = f"inline/{number}"
            self._workers[device] = Worker(self._spec, device, number)
            self._workers[device].open()
            self._untold.append(DeviceJoined(device, NODE))

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Queue a lease."""
        self._assigned.append((command, order))

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool; no lease has begun when a word can be said."""
        if isinstance(command, SetNodeAside):
            return
        device = command.device
        worker = self._workers.get(device)
        if worker is None:
            return
        match command:
            case Cancel(_, lease):
                self._drop(device, lease)
            case Truncate(_, lease):
                worker.truncate(lease)
            case Release():
                self._end(device)
                lost = DeviceLost(device, "nothing left to do", Cause.RELEASED)
                self._untold.append(lost)

    def _end(self, device: str) -> None:
        self._workers.pop(device).close()
        left = [(held, order) for held, order in self._assigned if held.device != device]
        self._assigned = deque(left)

    def _drop(self, device: str, lease: str) -> None:
        for place, (held, _) in enumerate(self._assigned):
            if (held.device, held.lease) == (device, lease):
                del self._assigned[place]
                self._untold.append(LeaseCancelled(device, lease, 0.0))
                return

    def poll(self, timeout_s: float) -> list[Event]:
        """Run the next lease; `timeout_s` does not matter here, nothing is waited for."""
        del timeout_s
        if self._untold:
            told, self._untold = self._untold, []
            return told
        if not self._assigned:
            return []
        command, order = self._assigned.popleft()
        outcome = self._workers[command.device].run(order)
        event = event_of(command.device, command.lease, outcome)
        if isinstance(event, DeviceLost):
            self._end(command.device)
            self.set_target(self._wanted)
        return [event]

    def progress(self) -> list[Progress]:
        """Tell where each device stands."""
        return [worker.progress() for worker in self._workers.values()]

    def close(self) -> None:
        """Close the devices."""
        for worker in self._workers.values():
            worker.close()
