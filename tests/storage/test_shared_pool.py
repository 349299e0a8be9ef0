"""What a run hears of the leases that others on its output have done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hand_clock import HandClock
from made_up import commit_lease, table_of
from run_peers import folder_of, lease, run, watch

from fleet.core.lease_summary import LeaseSummary
from fleet.core.progress import Progress
from fleet.core.run_events import ELSEWHERE, DeviceLost, Event, LeaseDone
from fleet.driver.peer_pool import LOOK_FOR_OTHERS_S, SharedPool
from fleet.errors import StorageError
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.scheduler.ledger import Ledger
from fleet.storage import Entry, Folder
from fleet.table.state.run_records import RunRecord, RunRecords


class Still:
    """A pool in which nothing happens but what it is told to tell."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @property
    def capacity(self) -> int:
        """None."""
        return 0

    def set_target(self, devices: int) -> None:
        """Have none."""

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """Take no lease."""

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """Have nobody to tell."""

    def poll(self, timeout_s: float) -> list[Event]:
        """Tell, at once."""
        del timeout_s
        events, self.events = self.events, []
        return events

    def progress(self) -> list[Progress]:
        """Stand nowhere."""
        return []

    def close(self) -> None:
        """Hold nothing."""


def shared_by(folder: Folder, pool: Still, leases: list[Lease], me: RunRecord) -> SharedPool:
    """Make the pool of a run that shares an output."""
    clock = HandClock()
    return SharedPool(pool, table_of(folder), leases, watch(folder, me, clock), 0, clock)


def test_what_others_commit_is_done_here_too() -> None:
    """The ledger takes it for done, once; what this run committed itself is its own."""
    folder = folder_of()
    me = run(folder)
    run(folder)
    first, second = commit_lease(folder, "a", range(4)), commit_lease(folder, "a", range(4, 8))
    leases = [lease(r.lease, r.intervals[0]) for r in (first, second)]
    pool = Still()
    shared = shared_by(folder, pool, leases, me)
    pool.events = [LeaseDone("npu/0", first.lease, first)]
    events = shared.poll(0)
    assert events == [
        LeaseDone("npu/0", first.lease, first),
        LeaseDone(ELSEWHERE, second.lease, second),
    ]
    assert shared.poll(0) == []
    ledger = Ledger([LeaseSummary(each.id, 1) for each in leases])
    for event in events:
        ledger.handle(event, 0)
    assert ledger.finished


def test_what_a_device_of_its_own_is_at_is_told_by_that_device() -> None:
    """Its parts are seen before it tells of them; once it is lost, they are news from elsewhere."""
    folder = folder_of()
    me = run(folder)
    run(folder)
    receipt = commit_lease(folder, "a", range(4))
    told: list[list[Event]] = [[], [DeviceLost("npu/0", "killed")]]
    for events in told:
        pool = Still()
        shared = shared_by(folder, pool, [lease(receipt.lease, receipt.intervals[0])], me)
        shared.apply(Assign("npu/0", receipt.lease), LeaseOrder(receipt.lease, ()))
        pool.events = list(events)
        news = [LeaseDone(ELSEWHERE, receipt.lease, receipt)] if events else []
        assert shared.poll(0) == [*events, *news]


def test_a_run_by_itself_does_not_look_at_what_is_committed() -> None:
    """Listing a large folder again and again is for those who share it."""
    folder = folder_of()
    me = run(folder)
    receipt = commit_lease(folder, "a", range(4))
    shared = shared_by(folder, Still(), [lease(receipt.lease, receipt.intervals[0])], me)
    assert shared.poll(0) == []


def test_what_devices_tell_is_heard_while_the_output_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What others have done is heard of once it can be listed again."""
    folder = folder_of()
    me = run(folder)
    run(folder)
    own, other = commit_lease(folder, "a", range(4)), commit_lease(folder, "a", range(4, 8))
    pool, clock = Still(), HandClock()
    table = table_of(folder)
    leases = [lease(r.lease, r.intervals[0]) for r in (own, other)]
    shared = SharedPool(pool, table, leases, watch(folder, me, clock), 0, clock)
    pool.events = [LeaseDone("npu/0", own.lease, own)]
    with monkeypatch.context() as away:
        away.setattr(RunRecords, "read", refuse)
        assert shared.poll(0) == [LeaseDone("npu/0", own.lease, own)]
    clock.sleep(LOOK_FOR_OTHERS_S)
    assert shared.poll(0) == [LeaseDone(ELSEWHERE, other.lease, other)]


def refuse(_records: RunRecords) -> list[RunRecord]:
    """Fail as a store does that is away."""
    raise StorageError("the store does not answer.")


def test_what_a_listing_that_breaks_off_has_found_is_told_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not done again here."""
    folder = folder_of()
    me, other = run(folder), run(folder)
    receipts = [commit_lease(folder, "a", range(at, at + 4)) for at in (0, 4, 8)]
    clock = HandClock()
    leases = [lease(r.lease, r.intervals[0]) for r in receipts]
    watched = watch(folder, me, clock)
    shared = SharedPool(Still(), table_of(folder), leases, watched, 0, clock)
    whole = Folder.list

    def breaking_off(self: Folder, prefix: str = "") -> Iterator[Entry]:
        yield next(entry for entry in whole(self, prefix) if "part-" in entry.name)
        raise StorageError("the store does not answer.")

    with monkeypatch.context() as away:
        away.setattr(Folder, "list", breaking_off)
        # Records of runs are listed as well.
        away.setattr(RunRecords, "read", lambda _: [me, other])
        assert shared.poll(0) == []
    clock.sleep(LOOK_FOR_OTHERS_S)
    found = {event.lease for event in shared.poll(0) if isinstance(event, LeaseDone)}
    assert found == {receipt.lease for receipt in receipts}


def test_a_store_that_does_not_answer_is_not_asked_for_other_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would keep the loop waiting."""
    folder, clock = folder_of(), HandClock()
    me = run(folder)
    monkeypatch.setattr(RunRecords, "read", lambda _: pytest.fail("it was asked"))
    watched = watch(folder, me, clock)
    shared = SharedPool(Still(), table_of(folder), [], watched, 0, clock, answers=lambda: False)
    assert shared.poll(0) == []
