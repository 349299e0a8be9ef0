"""A worker that is told to put a lease down, to end it early, or to go on while one is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exact import index_of, pixels
from generate import Clip, write

from fleet import FrameJob
from fleet.ascend.surface import frame_of
from fleet.core.fault import OUTPUT_STAGE, Fault
from fleet.core.frames import FrameBatch, Rows
from fleet.core.interval import LeaseNames
from fleet.core.receipt import Receipt
from fleet.core.run_events import Cause, DeviceJoined, DeviceLost, LeaseCancelled, LeaseDone
from fleet.errors import StorageError
from fleet.executors.inline import InlinePool
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.plan.split import split_off
from fleet.scheduler.commands import Assign, Cancel, Release, Truncate
from fleet.table.commits.commit import Writer
from fleet.video.sampling import Sampling
from fleet.worker.outcome import Cancelled, Outcome
from fleet.worker.spec import WorkerSpec
from fleet.worker.worker import Worker

JOB = "job"
NAMES = LeaseNames(JOB, 1)
GOP, GOPS = 6, 5
TIMEOUT_S = 60


@dataclass(frozen=True)
class Pixels(FrameJob):
    """The digest of each picture; `on_event` is told of each frame's number before that."""

    on_event: Callable[[int], None]

    table: ClassVar[str] = "pixels"
    schema: ClassVar[pa.Schema] = pa.schema([("digest", pa.string())])
    batch: ClassVar[int] = 2

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Look at a batch."""
        del opened
        for frame in batch.frames.tolist():
            self.on_event(frame)
        digests = [pixels(frame_of(picture)) for picture in batch.pictures]
        return Rows(np.arange(len(batch), dtype=np.int32), {"digest": digests})


@contextmanager
def opened(output: Path, on_event: Callable[[int], None] = lambda _: None) -> Iterator[Worker]:
    """Open a worker."""
    spec = WorkerSpec(Pixels(on_event), JOB, str(output), "Ascend310", "", {}, {})
    with closing(Worker(spec, "device", 0)) as worker:
        worker.open()
        yield worker


def lease_of(clip: Clip, folder: Path, sample: str = "all") -> tuple[Lease, dict[str, VideoWork]]:
    """Make one lease of two copies of a clip."""
    works = []
    for name in ("a", "b"):
        index = index_of(write(clip, folder / f"{name}{clip.suffix}"))
        wanted = Sampling.parse(sample).wanted(index)
        works.append(video_work(index, wanted, DoneIntervals([]), CostModel()))
    shards = tuple(work.shard(0, len(work.bounds) - 1) for work in works)
    name = NAMES(shard.interval for shard in shards)
    return Lease(name, shards), {work.source.uri: work for work in works}


@pytest.fixture
def made(tmp_path: Path) -> LeaseOrder:
    """A lease of ten GOPs in two clips."""
    return order(*lease_of(Clip(frames=GOP * GOPS, gop=GOP), tmp_path))


def rows(output: Path) -> list[tuple[Any, ...]]:
    """Read what is there, by video and frame."""
    tables = [pq.read_table(part) for part in (output / "pixels").glob("*.parquet")]
    found = [row for table in tables for row in table.to_pylist()]
    return sorted((row["uri"], row["frame"], row["pts"], row["digest"]) for row in found)


OPEN_H264 = Clip(frames=GOP * GOPS, gop=GOP, gop_kind="open", b_frames=2)
OPEN_H265 = Clip(frames=GOP * GOPS, gop=GOP, gop_kind="open", codec="h265", b_frames=2)
CLOSED = Clip(frames=GOP * GOPS, gop=GOP)


@pytest.mark.parametrize("sample", ["all", "every=4"])
@pytest.mark.parametrize("clip", [OPEN_H264, OPEN_H265, CLOSED], ids=["open", "open265", "closed"])
@pytest.mark.parametrize("seen", [1, 9, 29, 31, 47], ids=lambda seen: f"after-{seen}")
def test_the_prefix_and_the_remainder_of_a_lease_are_the_whole(
    clip: Clip, sample: str, seen: int, tmp_path: Path
) -> None:
    """Wherever it is ended: the prefix is those GOPs' frames, and no row differs in the end."""
    lease, works = lease_of(clip, tmp_path, sample)
    with opened(tmp_path / "whole") as worker:
        whole = worker.run(order(lease, works))
    assert isinstance(whole, Receipt)
    count = iter(range(1000))

    def on_event(_: int) -> None:
        if next(count) == min(seen, whole.tally.frames - 9):
            worker.truncate(lease.id)

    with opened(tmp_path / "cut", on_event) as worker:
        outcome = worker.run(order(lease, works))
        assert isinstance(outcome, Receipt)
        prefix, remainder = split_off(lease, works, NAMES, outcome.intervals)
        assert outcome.lease == prefix.id == lease.id
        assert outcome.tally.frames == prefix.frames
        assert outcome.tally.video_s == pytest.approx(prefix.video_s)
        last = worker.run(order(remainder, works))
    assert isinstance(last, Receipt)
    assert outcome.tally.fetched + last.tally.fetched >= whole.tally.fetched
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_lease_in_its_last_gop_is_done_whole(made: LeaseOrder, tmp_path: Path) -> None:
    """There is nothing to leave for others."""
    count = iter(range(1000))

    def on_event(_: int) -> None:
        if next(count) == 2 * GOP * GOPS - 2:
            worker.truncate(made.lease)

    with opened(tmp_path / "out", on_event) as worker:
        outcome = worker.run(made)
    assert isinstance(outcome, Receipt)
    assert (outcome.lease, outcome.intervals) == (made.lease, made.intervals)


def test_a_lease_that_is_put_down_leaves_nothing(made: LeaseOrder, tmp_path: Path) -> None:
    """In the middle of a GOP; and the same lease can be done afterwards."""
    seen: list[int] = []

    def on_event(frame: int) -> None:
        seen.append(frame)
        if len(seen) == GOP:
            worker.cancel(made.lease)

    with opened(tmp_path / "out", on_event) as worker:
        outcome = worker.run(made)
        assert isinstance(outcome, Cancelled)
        assert outcome.wall_s > 0
        assert len(seen) < 2 * GOP
        assert not list((tmp_path / "out").rglob("*.parquet"))
        assert worker.progress().lease == ""
        assert isinstance(worker.run(made), Receipt)


def test_a_word_may_come_before_its_lease(made: LeaseOrder, tmp_path: Path) -> None:
    """Calls of two kinds overtake each other; one that is done is not put down any more."""
    with opened(tmp_path / "out") as worker:
        worker.cancel(made.lease)
        assert worker.run(made) == Cancelled(made.lease, 0.0)
        assert isinstance(worker.run(made), Receipt)
        worker.cancel(made.lease)
        assert isinstance(worker.run(made), Receipt)


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
