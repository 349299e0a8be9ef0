"""`make prove-simulation`: ten thousand devices, a million leases, some slow, some failing.

Prints the makespan against what no schedule can beat, what backups wasted, and how many events a
second the ledger takes. Ends with 1 where it is not as it must be.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import deque

from fleet.core.lease_summary import LeaseSummary
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import DeviceJoined, LeaseDone
from fleet.scheduler.commands import Assign
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.scheduler.ledger import Ledger
from fleet.simulate.conditions import Conditions
from fleet.simulate.run import Simulation
from fleet.simulate.whatif import made_up

DEVICES, LEASES, SEED = 10_000, 1_000_000, 1
WEATHER = Conditions(slow_share=0.01, slow_factor=5.0, failures_a_minute=0.001)
MOST_OVER_BOUND, MOST_WASTE, MOST_WALL_S, MOST_BYTES = 1.05, 0.02, 120.0, 2 << 30
LEAST_EVENTS_PER_S = 50_000


def events_per_s() -> float:
    """Hand out 300,000 leases to 10,000 devices; tells events a second of one core."""
    pieces = [
        LeaseSummary(f"{number:x}", 1, 10.0, f"v{number // 100}") for number in range(300_000)
    ]
    ledger = Ledger(pieces, SchedulingPolicy())
    receipt = Receipt("", (), (), Tally(), "")
    given: deque[Assign] = deque()
    events, started_s = 0, time.process_time()
    for number in range(DEVICES):
        commands = ledger.handle(DeviceJoined(f"{number}"), 0.0)
        given += [command for command in commands if isinstance(command, Assign)]
        events += 1
    while given:
        event = LeaseDone(given[0].device, given.popleft().lease, receipt)
        commands = ledger.handle(event, events * 1e-3)
        given += [command for command in commands if isinstance(command, Assign)]
        events += 1
    assert ledger.finished
    return events / (time.process_time() - started_s)


def main() -> int:
    """Prove it."""
    per_s = max(events_per_s() for _ in range(3))
    started_s = time.perf_counter()
    pieces = made_up(LEASES, 10.0, SEED)(DEVICES)
    simulation = Simulation(pieces, DEVICES, WEATHER, SEED, SchedulingPolicy())
    outcome = simulation.run()
    wall_s = time.perf_counter() - started_s
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    once = simulation.gops_done == sum(piece.gops for piece in pieces)
    checks = {
        f"{outcome.leases:,} leases done exactly once": once and not outcome.quarantined,
        f"makespan {outcome.over_bound:.4f} x the bound": outcome.over_bound <= MOST_OVER_BOUND,
        f"backups wasted {100 * outcome.waste:.4f} %": outcome.waste <= MOST_WASTE,
        f"{wall_s:.0f} s here": wall_s <= MOST_WALL_S,
        f"{peak_bytes / 1e6:,.0f} MB": peak_bytes <= MOST_BYTES,
        f"the ledger takes {per_s:,.0f} events a second of one core": per_s >= LEAST_EVENTS_PER_S,
    }
    print(
        f"Simulated: {DEVICES:,} devices, {LEASES:,} leases, seed {SEED}; {outcome.failures} "
        f"failures, {outcome.backups} backups, {outcome.shared} leases cut to be shared, "
        f"{outcome.events:,} events"
    )
    for text, holds in checks.items():
        print(f"  {'holds' if holds else 'FAILS':<7}{text}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
