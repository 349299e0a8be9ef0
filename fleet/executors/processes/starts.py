"""The processes of a pool, of which some may begin before anything is known of their job."""

from __future__ import annotations

import os
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock

from fleet.executors.processes.process import WorkerProcess


class ProcessStarts:
    """Starts processes, each for a device, and gathers what they say; for one pool.

    A process loads for over half a second what any job needs. So it may begin before its device is
    asked for, and waits then until it is told what it is for.
    """

    def __init__(self) -> None:
        self.mail: SimpleQueue[tuple[str, object]] = SimpleQueue()
        """What the processes that were asked for say, behind the names of their devices."""
        self._lock = Lock()
        self._begun: dict[str, WorkerProcess] = {}
        self._environment: dict[str, str] = {}
        """What those that have begun were given."""

    def begin(self, devices: int) -> None:
        """Have the processes of the first devices begin, as far as the machine has room for them.

        Where it has none, who asks for them is told. They leave a core to what is done meanwhile,
        until they are told what they are for.
        """
        cores = sorted(os.sched_getaffinity(0))
        self._environment = os.environ.copy()
        with self._lock, suppress(OSError, RuntimeError):
            for device in map(device_name, range(devices)):
                self._begun[device] = process = self._new(device)
                process.keep_to(cores[1:] or cores)

    def start(self, device: str) -> WorkerProcess:
        """Return the process of a device, which is to be told to open it.

        Raises OSError or RuntimeError where the machine has no room for it.
        """
        if self._environment != os.environ:
            # The job's module has set what libraries look at as they are loaded.
            self.close()
        with self._lock:
            begun = self._begun.pop(device, None)
        return begun or self._new(device)

    def close(self) -> None:
        """End the processes that nobody has asked for."""
        with self._lock:
            left = list(self._begun.values())
        for process in left:
            process.kill()
        for process in left:
            process.join()

    def _new(self, device: str) -> WorkerProcess:
        return WorkerProcess(lambda message: self._hear(device, message))

    def _hear(self, device: str, message: object) -> None:
        with self._lock:
            # One that was told nothing only says that it has ended: another takes its place.
            if self._begun.pop(device, None) is None:
                self.mail.put((device, message))


def device_name(number: int) -> str:
    """Return what the device of a number is called, from 0."""
    return f"npu/{number}"
