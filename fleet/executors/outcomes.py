"""What the ledger is told of a lease that a worker has ended, one way or the other."""

from __future__ import annotations

from fleet.core.fault import Fault
from fleet.core.run_events import Cause, DeviceLost, Event, LeaseCancelled, LeaseDone, LeaseFailed
from fleet.worker.outcome import Cancelled, Gone, Outcome, Partial


def event_of(device: str, lease: str, outcome: Outcome) -> Event:
    """Say what became of a lease on a device; where that is gone its worker has to be ended."""
    match outcome:
        case Gone(code, message):
            return DeviceLost(device, message, Cause.DIED, lease, code)
        case Fault():
            return LeaseFailed(device, lease, outcome)
        case Cancelled():
            return LeaseCancelled(device, lease, outcome.wall_s)
        case Partial(receipt, fault):
            return LeaseDone(device, lease, receipt, fault)
    return LeaseDone(device, lease, outcome)
