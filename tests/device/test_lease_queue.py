"""A worker with several leases: while one is committed, while one waits, or in this process."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pixel_leases import GOP, GOPS, JOB, NAMES, TIMEOUT_S, Pixels, opened

from fleet.core.fault import OUTPUT_STAGE, Fault
from fleet.core.receipt import Receipt
from fleet.core.run_events import Cause, DeviceJoined, DeviceLost, LeaseCancelled, LeaseDone
from fleet.errors import StorageError
from fleet.executors.inline import InlinePool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, Truncate
from fleet.table.commits.commit import Writer
from fleet.worker.outcome import Cancelled, Outcome
from fleet.worker.spec import WorkerSpec


class Gate:
    """Holds up whoever comes through, until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, _: object = None) -> None:
        """Come through."""
        self.reached.set()
        assert self.open.wait(TIMEOUT_S)


def second(made: LeaseOrder) -> LeaseOrder:
    """Make another lease, of the second clip alone."""
    shards = made.shards[1:]
    return LeaseOrder(NAMES(shard.interval for shard in shards), shards)


def test_a_lease_that_waits_is_put_down_at_once(made: LeaseOrder, tmp_path: Path) -> None:
    """While another one runs."""
    gate = Gate()
    with opened(tmp_path / "out", gate) as worker, ThreadPoolExecutor(2) as calls:
        running = calls.submit(worker.run, made)
        assert gate.reached.wait(TIMEOUT_S)
        waiting = calls.submit(worker.run, second(made))
        worker.cancel(second(made).lease)
        assert waiting.result(TIMEOUT_S) == Cancelled(second(made).lease, 0.0)
        assert worker.progress().lease == made.lease
        gate.open.set()
        assert isinstance(running.result(TIMEOUT_S), Receipt)


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_a_core_that_comes_for_a_lease_does_not_bring_it_back(
    made: LeaseOrder, tmp_path: Path, *, cancelled_first: bool
) -> None:
    """Where word of both has come before the lease itself."""
    with opened(tmp_path / "out") as worker:
        for tell in (worker.cancel, worker.read_ahead)[:: 1 if cancelled_first else -1]:
            tell(made.lease)
        assert isinstance(worker.run(made), Cancelled)


@pytest.fixture
def slow_commit(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """The commit of the first lease is held up at a gate."""
    gate, first = Gate(), threading.Lock()

    commit = Writer.commit

    def slowly(writer: Writer, *arguments: Any) -> Receipt:
        if first.acquire(blocking=False):
            gate()
        return commit(writer, *arguments)

    monkeypatch.setattr(Writer, "commit", slowly)
    return gate


def test_the_next_lease_is_computed_while_one_is_committed(
    made: LeaseOrder, slow_commit: Gate, tmp_path: Path
) -> None:
    """And waits with its rows until that is over: no more than one commit is under way."""
    seen = threading.Semaphore(0)
    output = opened(tmp_path / "out", lambda _: seen.release())
    with output as worker, ThreadPoolExecutor(2) as calls:
        first = calls.submit(worker.run, made)
        assert slow_commit.reached.wait(TIMEOUT_S)
        progress = worker.progress()
        assert (progress.lease, progress.waiting) == (made.lease, True)
        then = calls.submit(worker.run, second(made))
        for _ in range(3 * GOP * GOPS):
            assert seen.acquire(timeout=TIMEOUT_S), "all frames of both are looked at"
        assert not first.done()
        assert not then.done()
        assert worker.progress().lease == second(made).lease
        slow_commit.open.set()
        done = [_receipt(call) for call in (first, then)]
    assert [receipt.lease for receipt in done] == [made.lease, second(made).lease]
    assert [receipt.tally.frames for receipt in done] == [2 * GOP * GOPS, GOP * GOPS]


def _receipt(call: Future[Outcome]) -> Receipt:
    outcome = call.result(TIMEOUT_S)
    assert isinstance(outcome, Receipt)
    return outcome


def test_a_commit_that_fails_is_its_own_leases_fault(
    made: LeaseOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease that is computed meanwhile is done."""
    gate = Gate()

    commit = Writer.commit

    def refused(writer: Writer, lease: str, *arguments: Any) -> Receipt:
        if lease == made.lease:
            gate()
            raise StorageError("the store does not answer")
        return commit(writer, lease, *arguments)

    monkeypatch.setattr(Writer, "commit", refused)
    with opened(tmp_path / "out") as worker, ThreadPoolExecutor(2) as calls:
        first = calls.submit(worker.run, made)
        assert gate.reached.wait(TIMEOUT_S)
        worker.cancel(made.lease)
        then = calls.submit(worker.run, second(made))
        gate.open.set()
        fault = first.result(TIMEOUT_S)
        assert isinstance(fault, Fault)
        assert fault.stage == OUTPUT_STAGE
        assert _receipt(then).lease == second(made).lease


def test_devices_in_this_process_are_told_the_same_things(made: LeaseOrder, tmp_path: Path) -> None:
    """Nothing has begun when a word is said: a lease that is put down has cost nothing."""
    spec = WorkerSpec(Pixels(_ignore), JOB, str(tmp_path / "out"), "Ascend310", "", {}, {})
    other = second(made)
    with closing(InlinePool(spec)) as pool:
        pool.set_target(2)
        assert pool.capacity == 2
        first, spare = (event.device for event in pool.poll(0) if isinstance(event, DeviceJoined))
        pool.apply(Assign(first, made.lease), made)
        pool.apply(Assign(first, other.lease), other)
        pool.tell(Cancel(first, other.lease))
        pool.tell(Truncate(first, made.lease))
        pool.tell(Release(spare))
        dropped, lost = pool.poll(0)
        assert dropped == LeaseCancelled(first, other.lease, 0.0)
        assert isinstance(lost, DeviceLost)
        assert (lost.device, lost.cause) == (spare, Cause.RELEASED)
        (ended,) = pool.poll(0)
        assert isinstance(ended, LeaseDone)
        assert ended.receipt.tally.frames == GOP
        assert ended.receipt.intervals != made.intervals
        assert pool.poll(0) == []
        assert [progress.device for progress in pool.progress()] == [first]


def _ignore(_: int) -> None:
    """See nothing."""
