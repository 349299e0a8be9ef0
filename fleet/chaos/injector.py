"""An observer of a run that does harm to it: it strikes worker processes, and its own."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.chaos.schedule import FaultKind, Strike
from fleet.core.progress import Progress
from fleet.core.run_events import DeviceLost, LeaseDone, LeaseFailed, LeaseStarted, RunEvent


@dataclass
class FaultReport:
    """What came of the strikes; `redone`: leases that were begun on a device that was then lost."""

    struck: int = 0
    missed: int = 0
    devices_lost: int = 0
    redone: int = 0


RETRY_S = 0.05
"""How long a strike that finds no worker waits before it looks again."""


class FaultInjector:
    """Strikes as a schedule says, from the moment that the first lease is handed out.

    Workers are struck through their process ids, so they must be on this machine. A strike that
    finds no worker waits for one, and is counted as missed where none comes. `tell` is called
    before each, with whom it strikes.
    """

    def __init__(self, strikes: Sequence[Strike], tell: Callable[[Strike, str], None]) -> None:
        self.toll = FaultReport()
        self._tell = tell
        self._strikes = strikes
        self._pids: dict[str, int] = {}
        self._held: dict[str, deque[str]] = {}
        self._timers: list[threading.Timer] = []
        self._over = threading.Event()
        self._began_s: float | None = None
        self._last_done_s = 0.0

    @property
    def worked_s(self) -> float:
        """Seconds from the first lease handed out to the last one done."""
        return 0.0 if self._began_s is None else max(0.0, self._last_done_s - self._began_s)

    def on_event(self, event: RunEvent) -> None:
        """Learn who runs what, and where."""
        match event:
            case LeaseStarted(device, lease):
                self._begin()
                self._held.setdefault(device, deque()).append(lease)
            case Progress() if event.pid and event.host == socket.gethostname():
                self._pids[event.device] = event.pid
            case LeaseDone(device, lease) | LeaseFailed(device, lease):
                self._last_done_s = time.monotonic()
                self._held.get(device, deque()).remove(lease)
            case DeviceLost(device):
                self._pids.pop(device, None)
                self.toll.devices_lost += 1
                self.toll.redone += bool(self._held.pop(device, None))

    def end(self) -> FaultReport:
        """Strike no more, and tell what was done."""
        self._over.set()
        for timer in self._timers:
            timer.cancel()
            timer.join()
        self.toll.missed = len(self._strikes) - self.toll.struck
        return self.toll

    def _begin(self) -> None:
        if self._began_s is not None:
            return
        self._began_s = time.monotonic()
        for trigger in self._strikes:
            timer = threading.Timer(trigger.at_s, self._strike, [trigger])
            timer.daemon = True
            self._timers.append(timer)
            timer.start()

    def _strike(self, trigger: Strike) -> None:
        if trigger.deed is FaultKind.DRIVER:
            self._tell(trigger, "the driver")
            os.kill(os.getpid(), signal.SIGKILL)
        while not self._pids and not self._over.wait(RETRY_S):
            continue
        pids = dict(sorted(self._pids.items()))
        if not pids:
            return
        device = list(pids)[trigger.victim % len(pids)]
        # A process that is struck is nobody's next victim: its device is a new process soon.
        self._pids.pop(device, None)
        self._tell(trigger, device)
        os.kill(pids[device], signal.SIGKILL if trigger.deed is FaultKind.KILL else signal.SIGSTOP)
        self.toll.struck += 1
