"""What the ledger is told of a lease that a worker has ended, one way or the other."""

from __future__ import annotations

from fleet.core.fault import Fault
from fleet.core.lease_summary import Piece
from fleet.core.run_events import Event, LeaseDone, LeaseDropped, LeaseFailed, LeaseShortened
from fleet.worker.outcome import Dropped, Shortened
from fleet.worker.worker import Outcome


def event_of(device: str, lease: str, outcome: Outcome) -> Event:
    """Say what became of a lease on a device."""
    match outcome:
        case Fault():
            return LeaseFailed(device, lease, outcome)
        case Dropped():
            return LeaseDropped(device, lease, outcome.wall_s)
        case Shortened(receipt, rest):
            piece = Piece(rest.lease, rest.gops, rest.cost_s, rest.uri)
            return LeaseShortened(device, lease, receipt, piece)
    return LeaseDone(device, lease, outcome)
