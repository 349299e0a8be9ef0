"""Leases that kill their workers: exactly the GOPs that do it are given up, and few workers die."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ledgers import divided, done, ledger_of, named

from fleet.core.lease_summary import LeaseSummary
from fleet.core.run_events import Cause, DeviceJoined, DeviceLost, LeaseSplit, LossRecorded
from fleet.scheduler.commands import Assign, RecordLoss, SplitLease
from fleet.scheduler.lease_state import SchedulingPolicy


@given(
    size=st.integers(1, 200),
    data=st.data(),
    cause=st.sampled_from([Cause.DIED, Cause.SILENT]),
    pieces=st.integers(2, 6),
)
def test_exactly_the_gops_that_kill_are_given_up(
    size: int, data: st.DataObject, cause: Cause, pieces: int
) -> None:
    """Whichever they are, everything else is done, and few workers die for it."""
    killers = data.draw(st.frozensets(st.integers(0, size - 1), max_size=3))
    gops = {"all": frozenset(range(size))}
    ledger = ledger_of({"all": size}, SchedulingPolicy(pieces=pieces))
    commands = ledger.handle(DeviceJoined("x"), 0)
    kept: set[int] = set()
    lost: set[int] = set()
    deaths = 0
    while commands:
        command = commands.pop(0)
        match command:
            case Assign(device, lease) if gops[lease] & killers:
                deaths += 1
                commands += ledger.handle(DeviceLost(device, "killed", cause), 0)
                commands += ledger.handle(DeviceJoined(device), 0)
            case Assign(device, lease):
                kept |= gops[lease]
                commands += ledger.handle(done(device, lease), 0)
            case SplitLease(lease, count):
                made = {named(piece): piece for piece in divided(gops[lease], count)}
                gops.update(made)
                cut = LeaseSplit(lease, tuple(LeaseSummary(k, len(v)) for k, v in made.items()))
                commands += ledger.handle(cut, 0)
            case RecordLoss(lease):
                lost |= gops[lease]
                commands += ledger.handle(LossRecorded(lease), 0)
        ledger.validate()
    assert ledger.finished
    assert lost == set(killers)
    assert kept == set(range(size)) - killers
    # Twice whole, then once a level for each, then three times the GOP alone.
    levels = 0
    while pieces**levels < size:
        levels += 1
    assert deaths <= 2 + len(killers) * (levels + 3)
