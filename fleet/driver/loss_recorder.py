"""What the driver itself commits: videos refused, leases given up, and that a lease was split."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from fleet.core.fault import Fault
from fleet.core.interval import Interval
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.core.wall_time import WallTime
from fleet.job.job import Job
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.table.commits.uncommitted import LeaseWriter
from fleet.table.parts.builder import PartBuilder

DRIVER = "driver"
"""What stands in the place of a device's name in the driver's own commits."""


class LossRecorder:
    """Commits losses to a job's output, in the same form as a worker commits rows."""

    def __init__(self, job: Job, writer: LeaseWriter, without: Collection[str] = ()) -> None:
        self._work = job.work
        self._partitions = job.partitions
        self._writer = writer
        self._without = without

    def commit(
        self,
        lease: str,
        intervals: Sequence[Interval],
        losses: Iterable[tuple[Loss, WallTime]],
        video_s: float = 0,
    ) -> Receipt:
        """Put the losses of a lease into errors/, each with the time at which it begins.

        Return what is committed under the lease's name.
        """
        parts = self._builder()
        for loss, time in losses:
            parts.add_error(loss, time)
        tally = replace(parts.tally(), video_s=video_s)
        return self._writer.commit(lease, intervals, parts.tables(), tally)

    def give_up(self, order: LeaseOrder, fault: Fault) -> Receipt:
        """Record that all that a lease wanted is lost; return what is committed under its name.

        Where a worker that was given up for dead has committed it by now, that is its receipt.
        """
        losses = [
            (_loss(shard, fault), shard.time_at(shard.interval.start_pts)) for shard in order.shards
        ]
        return self.commit(order.lease, order.intervals, losses, order.video_s)

    def split(self, lease: str, pieces: int) -> Receipt:
        """Take a lease's name, so that its pieces can be done under theirs; return what has it.

        No worker that still runs the whole lease can commit it from then on.
        """
        tables = self._builder().tables()
        return self._writer.commit(lease, (), tables, Tally(), split_into=pieces)

    def _builder(self) -> PartBuilder:
        work = self._work
        return PartBuilder(work.table, work.columns(), self._partitions, self._without)


def _loss(shard: ShardOrder, fault: Fault) -> Loss:
    base, interval = float(shard.stream.time_base), shard.interval
    return Loss(
        uri=shard.source.uri,
        stage=fault.stage,
        name=fault.name,
        message=fault.message,
        code=fault.code,
        start_pts=interval.start_pts,
        end_pts=interval.end_pts,
        start_s=(interval.start_pts - shard.start_pts) * base,
        end_s=(interval.end_pts - shard.start_pts) * base,
        frames=sum(int(part.wanted.sum()) for part in shard.parts),
    )
