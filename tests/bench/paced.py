"""Workers that compute nothing, under the real loop, ledger and pool: for timing what leads them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any, ClassVar

import pyarrow as pa
import ray

from fleet import FrameJob
from fleet.clock import SYSTEM_CLOCK
from fleet.core.frames import FrameBatch, Rows
from fleet.core.interval import LeaseNames
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import RunEvent
from fleet.driver.loop import Loop, LoopParts
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.executors.ray.actor import DeviceActor
from fleet.executors.ray.pool import RayPool
from fleet.job.job import Job
from fleet.observe.progress import ProgressState
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder
from fleet.plan.partial import Stop, done_of
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.storage import Folder
from fleet.table.commits.commit import Writer
from fleet.table.commits.record import Origin
from fleet.video.sampling import EVERY_FRAME
from fleet.worker.outcome import Cancelled
from fleet.worker.spec import WorkerSpec

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from indexes import index_of

JOB = "job"
NAMES = LeaseNames(JOB, 1)


@dataclass(frozen=True)
class Pace(FrameJob):
    """A job that computes nothing: a second of its cost takes `s_a_cost_s`.

    `slow`: the number of the device that takes so many times as long, -1 for none.
    """

    s_a_cost_s: float = 0.0
    slow: int = -1
    factor: float = 1.0

    table: ClassVar[str] = "nothing"
    schema: ClassVar[pa.Schema] = pa.schema([])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Not called."""
        raise NotImplementedError


class Paced(DeviceActor):
    """A worker that lets the time of a lease pass, GOP by GOP, and does as it is told meanwhile."""

    def open(self) -> Progress:
        """Open nothing."""
        work = self._spec.work
        assert isinstance(work, Pace)
        slow = work.factor if work.slow == self._ordinal else 1.0
        self._s_a_cost_s = work.s_a_cost_s * slow
        self._turn, self._told = Lock(), Event()
        self._wishes: dict[str, str] = {}
        self._now = ""
        return self._stand()

    def run(self, order: LeaseOrder) -> Any:
        """Do nothing for as long as it takes, and say that it is done."""
        with self._turn:
            self._now = order.lease
            (shard,) = order.shards
            gop_s = order.cost_s / len(shard.parts) * self._s_a_cost_s
            for part in range(len(shard.parts)):
                wish = self._wishes.pop(order.lease, "")
                if wish == "drop":
                    return Cancelled(order.lease, part * gop_s)
                if wish == "shorten" and part:
                    return self._receipt(done_of(order, Stop(0, part), ()))
                if gop_s:
                    self._told.wait(gop_s)
            self._now = ""
            return self._receipt(order)

    def _receipt(self, order: LeaseOrder) -> Receipt:
        return Receipt(order.lease, order.intervals, (), Tally(frames=1), self._name)

    @ray.method(concurrency_group="control")
    def cancel(self, lease: str) -> None:  # type: ignore[override]  # Ray wraps methods
        """Put it down after the GOP in hand."""
        self._wishes[lease] = "drop"

    @ray.method(concurrency_group="control")
    def truncate(self, lease: str) -> None:  # type: ignore[override]  # Ray wraps methods
        """End it after the GOP in hand."""
        self._wishes[lease] = "shorten"

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress:  # type: ignore[override]  # Ray wraps methods
        """Stand where it stood; it always waits for time to pass."""
        return self._stand()

    def _stand(self) -> Progress:
        return Progress(self._name, getattr(self, "_now", ""), "", 0, 0.0, waiting=True)

    def close(self) -> None:
        """Close nothing."""


class Folded:
    """An observer that follows a run as those of `fleet run` do."""

    def __init__(self) -> None:
        self.progress = ProgressState()
        self.done = 0

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        self.progress.fold(event, 0.0)


def leases_of(leases: int, gops: int) -> tuple[list[Lease], dict[str, VideoWork]]:
    """Cut a made-up video into leases of so many GOPs, of five packets each."""
    index = index_of([(0, 4)] * (leases * gops))
    work = video_work(index, EVERY_FRAME.wanted(index), DoneIntervals([]), CostModel())
    shards = [work.shard(n * gops, (n + 1) * gops) for n in range(leases)]
    made = [Lease(NAMES([shard.interval]), (shard,)) for shard in shards]
    return made, {index.source.uri: work}


def loop_over(
    leases: Sequence[Lease],
    works: dict[str, VideoWork],
    observer: Folded,
    rules: SchedulingPolicy,
    most: int,
) -> Loop:
    """Make the loop that leads them."""
    job = Job(Pace(), ("v.mp4",), "memory://nowhere")
    writer = Writer(Folder(job.output), Origin(JOB, job.soc, {}), DRIVER, conditional=True)
    recorder = LossRecorder(job, writer)
    parts = LoopParts(NAMES, recorder, observer, Limits(most=most), rules, SYSTEM_CLOCK)
    return Loop(leases, works, parts)


def drive(loop: Loop, pace: Pace, devices: int) -> None:
    """Lead them through Ray, which must be there."""
    spec = WorkerSpec(pace, JOB, "memory://nowhere", "Ascend310", "", {}, {})
    with closing(RayPool(spec, Paced)) as pool:
        pool.set_target(devices)
        loop.drive(pool)
