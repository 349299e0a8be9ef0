"""This process's CPU, from the first device to the last part of an inline run."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fleet.core.run_events import DeviceJoined, LeaseDone, RunEvent


@dataclass
class CpuWatch:
    """Notes the process's CPU seconds when the device was ready, and when the last part was there."""

    ready_s: float = 0.0
    last_s: float = 0.0

    def on_event(self, event: RunEvent) -> None:
        """Take the time of what matters."""
        if isinstance(event, DeviceJoined):
            self.ready_s = time.process_time()
        if isinstance(event, LeaseDone):
            self.last_s = time.process_time()
