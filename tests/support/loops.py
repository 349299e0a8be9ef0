"""A run over one video, under the real loop, ledger and output; devices end leases as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
from hand_clock import HandClock
from indexes import index_of
from made_up import JOB, ORIGIN, builder_of, closed

from fleet import FrameJob, Job
from fleet.core.frames import FrameBatch, Rows
from fleet.core.interval import Interval, LeaseNames
from fleet.core.receipt import Receipt
from fleet.core.run_events import (
    DeviceJoined,
    Event,
    LeaseDone,
    RunEvent,
)
from fleet.driver.loop import Loop, LoopParts
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.errors import JobFailedError
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.table.parts.schema import DETECTIONS
from fleet.table.state.read import read
from fleet.table.table import Table
from fleet.video.sampling import EVERY_FRAME

GOP, GOPS = 4, 4
TICKS = 100
GOP_S = 100.0
FRAMES = list(range(GOP * GOPS))
COSTS = CostModel(gop_s=GOP_S)


@dataclass(frozen=True)
class Nothing(FrameJob[Any]):
    """A job that is never run."""

    table: ClassVar[str] = JOB.table
    schema: ClassVar[pa.Schema] = DETECTIONS

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Not called."""
        raise NotImplementedError


class Hands:
    """A pool whose devices end each lease at once, as they are told to by a function."""

    capacity = 1

    def __init__(self, end: Callable[[str, LeaseOrder], Event], clock: HandClock) -> None:
        self.orders: list[LeaseOrder] = []
        self.targets: list[int] = []
        self._clock = clock
        self.told: list[Event] = []
        self._end = end

    def set_target(self, devices: int) -> None:
        """Take note; the devices come by themselves."""
        self.targets.append(devices)

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """End a lease."""
        self.orders.append(order)
        self.told.append(self._end(command.device, order))

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """Do nothing: what is to be put down is done already."""

    def poll(self, timeout_s: float) -> list[Event]:
        """Tell what has happened; that took as long as a GOP is estimated to."""
        del timeout_s
        self._clock.sleep(GOP_S)
        told, self.told = self.told, []
        return told

    def progress(self) -> list[Any]:
        """Tell nothing new."""
        return []

    def close(self) -> None:
        """Close nothing."""


class Run:
    """A run over one video of four GOPs, by itself or beside another run on the same output."""

    def __init__(
        self,
        table: Table,
        policy: SchedulingPolicy | None = None,
        lost: bool = False,
        first: bool = True,
    ) -> None:
        """Plan the video; not `first`: its lease is yet to come, and nothing tells how long it is."""
        self.table = table
        self.events: list[RunEvent] = []
        self.names = LeaseNames(JOB.digest, table.state().manifest.epoch)
        index = index_of([(0, GOP - 1)] * GOPS, uri="a")
        self.work = video_work(index, EVERY_FRAME.wanted(index), DoneIntervals([]), COSTS)
        shard = self.work.shard(0, GOPS)
        self.lease = Lease(self.names([shard.interval]), (shard,))
        job = Job(Nothing(), "a", table.uri)
        self.recorder = LossRecorder(job, table.writer(ORIGIN, DRIVER))
        self.is_lost = lost
        self._clock = HandClock()
        parts = self._parts(policy or SchedulingPolicy())
        there, coming_s = ([self.lease], None) if first else ([], 0.0)
        self.held = self.works
        """The videos that the loop holds."""
        self.loop = Loop(there, self.held, parts, coming_s)

    @property
    def works(self) -> dict[str, VideoWork]:
        """Its video."""
        return {self.work.source.uri: self.work}

    def _parts(self, policy: SchedulingPolicy) -> LoopParts:
        def check() -> None:
            if self.is_lost:
                raise JobFailedError("somebody else leads")

        limits = Limits(most=1)
        return LoopParts(self.names, self.recorder, self, limits, policy, self._clock, check)

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        self.events.append(event)

    def first(self, kind: type[Any]) -> list[Any]:
        """List the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def commit(self, device: str, lease: str, intervals: tuple[Interval, ...]) -> Receipt:
        """Commit what these cover, a box a frame."""
        frames = [
            number
            for number in FRAMES
            if any(i.start_pts <= TICKS * number < i.end_pts for i in intervals)
        ]
        builder = builder_of("a", frames)
        writer = self.table.writer(ORIGIN, device)
        return writer.commit(lease, intervals, builder.tables(), builder.tally())

    def prefix(self, gops: int) -> tuple[Interval, ...]:
        """Tell what the first GOPs of the lease cover."""
        return (self.work.shard(0, gops).interval,)

    def whole(self, device: str, order: LeaseOrder) -> Event:
        """Do all of a lease, unless another attempt was first."""
        receipt = self.commit(device, order.lease, order.intervals)
        return LeaseDone(device, order.lease, receipt)

    def drive(
        self, end: Callable[[str, LeaseOrder], Event] | None = None, devices: int = 1
    ) -> Hands:
        """Run to the end with devices that end leases so."""
        hands = self.hands(end, devices)
        self.loop.drive(hands)
        return hands

    def hands(
        self, end: Callable[[str, LeaseOrder], Event] | None = None, devices: int = 1
    ) -> Hands:
        """Return devices that end leases so."""
        hands = Hands(end or self.whole, self._clock)
        hands.told += [DeviceJoined(f"npu/{number}") for number in range(devices)]
        return hands


def check_all_is_there_once(run: Run, lost: int = 0) -> None:
    """Each frame has its row, once; and the output can be closed over what the loop tells of."""
    frames = read(run.table.uri).frames.to_table()["frame"].to_pylist()
    assert sorted(frames) == FRAMES[: len(FRAMES) - lost]
    assert not len(run.table.state().covered.intervals.overlaps())
    total = closed(run.table.folder, list(run.loop.committed))
    assert (total.frames, total.lost_frames) == (len(FRAMES) - lost, lost)
