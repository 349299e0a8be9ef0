"""What the driver itself writes down: videos refused and leases given up, as rows of errors/."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleet.core.fault import Fault
from fleet.core.interval import Interval
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt
from fleet.driver.identity import JobIdentity
from fleet.job.job_file import Job
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.storage import Folder
from fleet.table.commits.commit import commit
from fleet.table.commits.record import Origin
from fleet.table.parts.builder import PartBuilder

DRIVER = "driver"
"""What stands in the place of a device's name in the driver's own commits."""


class Recorder:
    """Commits losses to a job's output, in the same form as a worker commits rows."""

    def __init__(self, folder: Folder, job: Job, identity: JobIdentity) -> None:
        self._folder = folder
        self._work = job.work
        self._partitions = job.partitions
        self._origin = Origin(identity.record.digest, job.soc, identity.models)

    @property
    def job_digest(self) -> str:
        """The identity of the job whose losses these are."""
        return self._origin.job

    def commit(
        self, lease: str, intervals: Sequence[Interval], losses: Iterable[Loss], video_s: float = 0
    ) -> Receipt:
        """Put the losses of a lease into errors/, and commit that it is settled."""
        parts = PartBuilder(self._work.table, self._work.schema, self._partitions)
        for loss in losses:
            parts.add_error(loss)
        tally = replace(parts.tally(), video_s=video_s)
        tables = parts.tables()
        return commit(self._folder, self._origin, lease, intervals, tables, tally, DRIVER)

    def give_up(self, order: LeaseOrder, fault: Fault) -> Receipt:
        """Record that everything a lease wanted is lost."""
        losses = [_loss(shard, fault) for shard in order.shards]
        return self.commit(order.lease, order.intervals, losses, order.video_s)


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
