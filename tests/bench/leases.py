"""How many leases a second one driver leads through Ray, where the work itself takes no time.

Everything else is there: the loop, the ledger, leases spelled out, Ray, progress.

python tests/bench/leases.py [--devices N] [--leases N]
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

from paced import Folded, Pace, drive, leases_of, loop_over

from fleet.core.run_events import DeviceJoined, LeaseDone, RunEvent
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.scheduler.lease_state import SchedulingPolicy

SAMPLE_EVERY = 1000


class Clock(Folded):
    """Starts its clocks when the first device is there, and looks at this process's memory."""

    def __init__(self) -> None:
        super().__init__()
        self.began_s = self.began_cpu_s = 0.0
        self.memory_mb: list[int] = []

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        super().on_event(event)
        if isinstance(event, DeviceJoined) and not self.began_s:
            self.began_s, self.began_cpu_s = time.monotonic(), time.process_time()
        if isinstance(event, LeaseDone):
            self.done += 1
            if self.done % SAMPLE_EVERY == 0:
                self.memory_mb.append(resident_mb())


def resident_mb() -> int:
    """How much memory this process takes just now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * resource.getpagesize() / 1e6)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--leases", type=int, default=10_000)
    asked = parser.parse_args()
    leases, works = leases_of(asked.leases, gops=1)
    clock = Clock()
    loop = loop_over(leases, works, clock, SchedulingPolicy(), asked.devices)
    with ray_left_as_found():
        start_ray(asked.devices)
        drive(loop, Pace(), asked.devices)
        wall_s = time.monotonic() - clock.began_s
        cpu_s = time.process_time() - clock.began_cpu_s
    print(f"{asked.leases / wall_s:,.0f} leases/s on {asked.devices} devices that do nothing")
    print(f"the driver's own CPU: {cpu_s / asked.leases * 1000:.2f} ms a lease")
    print(f"the driver's memory, every {SAMPLE_EVERY} leases, MB: {clock.memory_mb}")


if __name__ == "__main__":
    main()
