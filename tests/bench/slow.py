"""What a device costs that is five times as slow as the others, with and without their help.

Through Ray, with the real loop, ledger and pool. The leases' time is modelled: a device lets pass
what they cost, and computes nothing. Ends with 1 where the run takes more than 1.3 times as long.

python tests/bench/slow.py
"""

from __future__ import annotations

import sys
import time

from paced import Folded, Pace, drive, leases_of, loop_over

from fleet.core.run_events import DeviceJoined, RunEvent
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.scheduler.lease_state import SchedulingPolicy

DEVICES, LEASES, GOPS = 8, 64, 10
LEASE_S = 2.0
SLOW = 5.0
MOST = 1.3


class Clock(Folded):
    """Starts when the last device is there."""

    def __init__(self) -> None:
        super().__init__()
        self.began_s = 0.0
        self.joined = 0

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        super().on_event(event)
        if isinstance(event, DeviceJoined):
            self.joined += 1
            if self.joined == DEVICES:
                self.began_s = time.monotonic()


def makespan_s(slow: int, rules: SchedulingPolicy) -> float:
    """Run it; gives the seconds from the last device's coming until all is done."""
    leases, works = leases_of(LEASES, GOPS)
    pace = Pace(LEASE_S / leases[0].cost_s, slow, SLOW)
    clock = Clock()
    loop = loop_over(leases, works, clock, rules, DEVICES)
    drive(loop, pace, DEVICES)
    return time.monotonic() - clock.began_s


def main() -> int:
    """Measure and print."""
    with ray_left_as_found():
        start_ray(DEVICES)
        even_s = makespan_s(-1, SchedulingPolicy())
        helped_s = makespan_s(0, SchedulingPolicy())
        alone_s = makespan_s(0, SchedulingPolicy(backups=False))
    print(f"{DEVICES} devices, {LEASES} leases of {LEASE_S:g} s, {GOPS} GOPs each (modelled time)")
    print(f"even devices            {even_s:6.1f} s")
    print(f"one {SLOW:g} x slower          {helped_s:6.1f} s  x {helped_s / even_s:.2f}")
    print(f"the same, with no help  {alone_s:6.1f} s  x {alone_s / even_s:.2f}")
    return 0 if helped_s <= MOST * even_s else 1


if __name__ == "__main__":
    sys.exit(main())
