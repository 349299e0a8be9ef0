"""Runs that share an output: who does what, and what one hears of the others."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_clock import HandClock
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of
from made_up import JOB, claimed, commit_lease, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import DoneIntervals
from fleet.core.lease_summary import LeaseSummary
from fleet.core.progress import Progress
from fleet.core.run_events import ELSEWHERE, DeviceLost, Event, LeaseDone
from fleet.core.source import Source
from fleet.driver.peer_pool import LOOK_FOR_OTHERS_S, SharedPool
from fleet.driver.peers import (
    Leadership,
    PeerWatch,
    acquire_or_join,
    offered_leases,
    partition_peer_leases,
)
from fleet.errors import JobFailedError, OutputBusyError, StorageError, StorageRefusedError
from fleet.index_cache.store import IndexStore
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease, Shard
from fleet.plan.order import LeaseOrder
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork, video_work
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.scheduler.ledger import Ledger
from fleet.storage import Entry, Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.state.holder import Holder
from fleet.table.state.lock import EXPIRES_S, LEADER_LOCK
from fleet.table.state.run_records import RunRecord, RunRecords
from fleet.table.table import Table

NAMES = LeaseNames("job")


def work(
    uri: str, gops: int = 6, done: list[Interval] | None = None, etag: str = "v1"
) -> VideoWork:
    """Set out a video of some GOPs."""
    index = replace(index_of([(0, 4)] * gops), source=Source(uri, 9, etag))
    return video_work(index, np.ones(gops * 5, np.bool_), DoneIntervals(done or []), CostModel())


def intervals(leases: list[Lease]) -> list[Interval]:
    """List what leases cover."""
    return [interval for lease in leases for interval in lease.intervals]


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_who_joins_does_the_same_leases_from_the_other_end(
    theirs: int, mine: int, data: st.DataObject
) -> None:
    """Whatever the devices of both; what is committed by then is left out, nothing is cut anew."""
    works = [work("a"), work("b", 3), work("c", 1)]
    offered = bundle(works, NAMES, theirs, 0.05)
    done = data.draw(st.sets(st.sampled_from(range(len(offered)))))
    committed = DoneIntervals(intervals([offered[n] for n in done]))
    taken, own = partition_peer_leases(offered, works, committed)
    assert taken == [lease for n, lease in enumerate(offered) if n not in done][::-1]
    assert bundle(own, NAMES, mine, 60) == []


def test_what_only_one_of_them_has_is_its_own_work() -> None:
    """Another video, another version, a stretch that the others have not planned for."""
    offered = bundle([work("a"), work("b")], NAMES, 2, 0.05)
    mine = [work("b"), work("c"), work("a", etag="v2")]
    taken, own = partition_peer_leases(offered, mine, DoneIntervals([]))
    assert {i.uri for i in intervals(taken)} <= {"b"}
    assert {w.source.uri for w in own} == {"a", "c"}
    spans = [i for i in intervals([*taken, *bundle(own, NAMES, 1, 60)]) if i.uri != "b"]
    assert sum(i.end_pts - i.start_pts for i in spans) == 2 * (work("a").bounds[-1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_gop": -1},
        {"last_gop": 7},
        {"first_gop": 3, "last_gop": 3},
        {"interval": Interval("a", "v1", 0, 1)},
        {"interval": Interval("other", "v1", 0, 512 * 30)},
    ],
)
def test_a_lease_that_fits_no_video_is_not_taken(wrong: dict[str, Any]) -> None:
    """It was put there by mistake or in malice; what it stands for is this run's own work."""
    offered = bundle([work("a")], NAMES, 1, 60)[0]
    assert partition_peer_leases([offered], [work("a")], DoneIntervals([]))[0] == [offered]
    odd = replace(offered, shards=(replace(offered.shards[0], **wrong),))
    assert partition_peer_leases([odd], [work("a")], DoneIntervals([]))[0] == []


def test_a_lease_is_taken_by_its_own_name_alone() -> None:
    """Under another name its rows would not be those that the name stands for."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    peer = run(folder, epoch=1)
    right = bundle([work("a")], LeaseNames(JOB.digest, 1), 1, 60)
    others = bundle([work("b")], LeaseNames(JOB.digest, 2), 1, 60)
    table.runs.put_leases(peer.id, [*right, *others, replace(right[0], id=others[0].id)])
    assert offered_leases(table, Leadership(table, clock), 1) == right


def folder_of() -> Folder:
    """A folder in memory, taken for the job."""
    return claimed(Folder(f"memory://{uuid.uuid4()}"))


def run(folder: Folder, *, state: str = "running", epoch: int = 0, job: str = "") -> RunRecord:
    """Put the record of a run on another machine."""
    holder = Holder.me("fleet run", job or JOB.digest, 0.0)
    away = replace(holder, machine="far", host="far-away", born="1")
    record = RunRecord(away, state, 0.0, epoch=epoch)
    RunRecords(folder).put(record)
    return record


def watch(folder: Folder, me: RunRecord, clock: HandClock) -> PeerWatch:
    """Watch the others."""
    return PeerWatch(table_of(folder, clock=clock), me.id, clock)


def test_others_are_those_that_go_on() -> None:
    """Not this run, not those of another job or epoch, not those that ended."""
    folder, clock = folder_of(), HandClock()
    me, other = run(folder), run(folder, epoch=3)
    run(folder, state="left")
    run(folder, job="another")
    run(folder, epoch=2)
    peers = watch(folder, me, clock)
    assert len(peers.others()) == 2
    assert [record.id for record in peers.others(3)] == [other.id]


def test_a_run_that_falls_silent_is_no_longer_among_the_others() -> None:
    """As it was watched; whatever its clock says."""
    folder, clock = folder_of(), HandClock()
    me, dead, alive = run(folder), run(folder), run(folder)
    peers = watch(folder, me, clock)
    for beats in range(1, 9):
        assert {dead.id, alive.id} >= {record.id for record in peers.others()} >= {alive.id}
        clock.sleep(10)
        RunRecords(folder).put(replace(alive, beats=beats, updated_unix_s=1e12))
    assert [record.id for record in peers.others()] == [alive.id]


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


def lease(receipt_lease: str, interval: Interval) -> Lease:
    """A lease of one GOP."""
    return Lease(receipt_lease, (Shard(Source("a", 9, "v1"), 0, 1, interval, 5, 0.2, 0.1),))


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


def test_a_lock_grows_old_without_harm_while_the_output_is_away_and_a_minute_behind_that() -> None:
    """The run goes on; it ends where the output answers and the lock is still not renewed."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        leadership.check(output_answers=False)
        clock.stand_still(EXPIRES_S)
        leadership.check()  # the output has just come back
        clock.stand_still(1)
        with pytest.raises(JobFailedError, match="could not be renewed"):
            leadership.check()
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        with pytest.raises(JobFailedError, match="could not be renewed"):
            leadership.check()


def test_without_conditional_puts_an_old_lock_ends_a_run_though_the_output_is_away() -> None:
    """Nothing else keeps another run's parts from it."""
    folder, clock = folder_of(), HandClock()
    table = Table(folder, JOB, clock=clock, conditional=False)
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        with pytest.raises(JobFailedError, match="could not be renewed"):
            leadership.check(output_answers=False)


def test_who_closes_waits_until_an_old_lock_is_renewed() -> None:
    """And ends where somebody has taken it."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        leadership.settle()
        leadership.check()
    with acquire_or_join(table, clock, join=False) as leadership:
        clock.stand_still(EXPIRES_S)
        folder.put(LEADER_LOCK, run(folder).holder.to_bytes())
        with pytest.raises(JobFailedError, match="taken over"):
            leadership.settle()


def test_the_second_leads_or_joins_or_is_refused() -> None:
    """With --join, once the first has said what it does."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    with acquire_or_join(table, clock, join=False) as first:
        assert first.leads
        with pytest.raises(OutputBusyError, match="--join"):
            acquire_or_join(table, clock, join=False).__enter__()
        table.runs.put(RunRecord(first.holder, "running", 0.0))
        table.runs.put_leases(first.holder.mark, [lease("ab" * 16, Interval("a", "v1", 0, 9))])
        with acquire_or_join(table, clock, join=True) as second:
            assert not second.leads
            second.check()
    with acquire_or_join(table, clock, join=True) as third:
        assert third.leads


def test_a_store_without_conditional_puts_is_not_shared() -> None:
    """It is refused, and said why."""
    folder = folder_of()
    table = Table(folder, JOB, conditional=False)
    with pytest.raises(StorageRefusedError, match="--join"):
        table.need_conditional_to_join()
    for change in (table.compact, lambda: table.requeue(LossFilter(), IndexStore(folder))):
        with pytest.raises(StorageRefusedError, match="no conditional puts that hold"):
            change()
