"""The loop, told of what is committed under its leases' names: whichever attempt was first counts."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from ledgers import BUSY, MEMORY
from loops import FRAMES, GOPS, Run, check_all_is_there_once
from made_up import begun, claimed, table_of

from fleet.core.interval import Interval
from fleet.core.run_events import (
    Event,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    LeaseTruncated,
)
from fleet.driver.loss_recorder import DRIVER
from fleet.errors import IllegalMoveError, JobFailedError
from fleet.plan.lease import Stock
from fleet.plan.order import LeaseOrder
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.storage import Folder
from fleet.table.state.read import read
from fleet.table.table import Table


@pytest.fixture
def table() -> Table:
    """An output that a run has taken over."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    begun(folder)
    return table_of(folder)


def test_a_lease_found_committed_as_a_prefix_leaves_its_remainder_to_do(table: Table) -> None:
    """By an attempt that nobody has heard of: nothing is done twice, and nothing is left out."""
    run = Run(table)
    early = run.commit("npu/9", run.lease.id, run.prefix(1))
    hands = run.drive()
    (event,) = run.first(LeaseTruncated)
    assert (event.lease, event.receipt, event.remainder.gops) == (run.lease.id, early, GOPS - 1)
    assert [order.lease for order in hands.orders] == [run.lease.id, event.remainder.lease]
    rest = (replace(run.lease.shards[0].interval, start_pts=run.prefix(1)[0].end_pts),)
    assert event.remainder.lease == run.names(rest)
    assert hands.orders[1].intervals == rest
    assert run.loop.totals.frames == len(FRAMES)
    check_all_is_there_once(run)


def test_a_lease_found_split_by_another_run_is_replaced_by_its_pieces(table: Table) -> None:
    """The same ones, under the same names, that the other run does meanwhile."""
    run, other = Run(table), Run(table)
    assert other.recorder.split(other.lease.id, 2).split_into == 2
    hands = run.drive()
    (event,) = run.first(LeaseSplit)
    assert event.device == "npu/0"
    names = [piece.lease for piece in event.pieces]
    assert [order.lease for order in hands.orders] == [run.lease.id, *names]
    assert run.loop.totals.frames == len(FRAMES)
    check_all_is_there_once(run)


@pytest.mark.parametrize("done", ["all", "a prefix", "pieces"])
def test_a_lease_given_up_but_committed_by_a_late_worker_counts_as_done(
    table: Table, done: str
) -> None:
    """Or as far as that goes: what is committed is not lost, and the rest is done again."""
    run = Run(table, SchedulingPolicy(attempts=1))

    def fail_first(device: str, order: LeaseOrder) -> Event:
        if order.lease != run.lease.id:
            return run.whole(device, order)
        if done == "pieces":
            Run(table).recorder.split(order.lease, 2)
        else:
            run.commit("npu/9", order.lease, run.prefix(GOPS if done == "all" else 3))
        return LeaseFailed(device, order.lease, BUSY)

    hands = run.drive(fail_first)
    assert run.loop.quarantined == 0
    assert run.first(LeaseQuarantined) == []
    assert len(hands.orders) == {"all": 1, "a prefix": 2, "pieces": 3}[done]
    assert read(table.uri).errors.count_rows() == 0
    check_all_is_there_once(run)


def test_a_lease_that_nobody_has_done_is_given_up(table: Table) -> None:
    """Its loss takes its name: a worker that comes later changes nothing."""
    run = Run(table, SchedulingPolicy(attempts=1))
    run.drive(lambda device, order: LeaseFailed(device, order.lease, BUSY))
    assert run.loop.quarantined == 1
    (event,) = run.first(LeaseQuarantined)
    assert run.commit("npu/0", run.lease.id, run.lease.intervals) == event.receipt
    assert event.receipt.device == DRIVER
    check_all_is_there_once(run, lost=len(FRAMES))


@pytest.mark.parametrize("done", ["nothing", "all", "a prefix", "other pieces"])
def test_a_lease_is_split_unless_a_late_worker_was_first(table: Table, done: str) -> None:
    """Its name is taken before its pieces are done: both can never count."""
    run = Run(table, SchedulingPolicy(attempts=1, pieces=4))

    def fail_first(device: str, order: LeaseOrder) -> Event:
        if order.lease != run.lease.id:
            return run.whole(device, order)
        if done == "other pieces":
            Run(table).recorder.split(order.lease, 2)
        elif done != "nothing":
            run.commit("npu/9", order.lease, run.prefix(GOPS if done == "all" else 3))
        return LeaseFailed(device, order.lease, MEMORY)

    hands = run.drive(fail_first)
    orders = {"nothing": 1 + 4, "all": 1, "a prefix": 2, "other pieces": 3}[done]
    assert len(hands.orders) == orders
    late = run.commit("npu/8", run.lease.id, run.lease.intervals)
    assert late.split_into == {"nothing": 4, "other pieces": 2}.get(done, 0)
    check_all_is_there_once(run)


def test_a_lease_that_is_shared_out_cannot_be_committed_by_another_run(table: Table) -> None:
    """Though no device of this run ever held it: the other run may be at it."""
    run = Run(table)
    ended = iter([True])

    def end_early(device: str, order: LeaseOrder) -> Event:
        if next(ended, False):
            receipt = run.commit(device, order.lease, run.prefix(1))
            return LeaseDone(device, order.lease, receipt)
        return run.whole(device, order)

    run.drive(end_early, devices=2)
    (truncated,) = run.first(LeaseTruncated)
    (split,) = run.first(LeaseSplit)
    assert split.lease == truncated.remainder.lease
    rest = (replace(run.lease.shards[0].interval, start_pts=run.prefix(1)[0].end_pts),)
    assert run.commit("npu/7", split.lease, rest).split_into == len(split.pieces)
    check_all_is_there_once(run)


def test_what_is_committed_but_not_of_the_lease_stops_the_run(table: Table) -> None:
    """It cannot be: nothing is made up of it."""
    run = Run(table)
    run.commit("npu/9", run.lease.id, (Interval("another", "v1", 0, 100),))
    with pytest.raises(IllegalMoveError, match=f"what is committed as {run.lease.id} is not of it"):
        run.drive()


def test_a_run_that_was_taken_over_ends(table: Table) -> None:
    """At the next turn of the loop."""
    run = Run(table, lost=True)
    with pytest.raises(JobFailedError, match="somebody else leads"):
        run.drive()


def test_as_many_devices_as_were_asked_for_stay_until_there_is_work_to_judge_by(
    table: Table,
) -> None:
    """The first files of an archive may be done: that says nothing of the others."""
    run = Run(table, first=False)
    coming = iter([Stock([], 0.0), Stock([], 0.0), Stock([run.lease], 60.0), Stock([])])
    seen: list[int] = []

    def more(_: int) -> Stock | None:
        seen.append(len(hands.targets))
        return next(coming, None)

    hands = run.hands()
    run.loop.drive(hands, more)
    assert seen == [0, 0, 0, 1]
    check_all_is_there_once(run)


def test_a_video_that_is_done_is_held_no_longer_than_its_leases(table: Table) -> None:
    """What remains of its lease, by an attempt that nobody has heard of, keeps it until it is done."""
    run = Run(table)
    run.commit("npu/9", run.lease.id, run.prefix(1))
    assert list(run.held) == ["a"]
    run.drive()
    assert run.first(LeaseTruncated)
    assert not run.held
    covered = [interval for each in run.loop.committed for interval in each.intervals]
    assert sum(i.end_pts - i.start_pts for i in covered) == sum(
        i.end_pts - i.start_pts for i in run.lease.intervals
    )
