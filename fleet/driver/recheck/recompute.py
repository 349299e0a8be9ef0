"""Making the rows of a stretch once more, as a worker makes them, without committing them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager

import pyarrow as pa

from fleet.core.fault import WORKER_STAGE
from fleet.core.loss import Loss
from fleet.driver.target.identity import JobIdentity
from fleet.errors import FleetError, StorageError, UsageError, VideoChangedError
from fleet.job.job import Job
from fleet.plan.order import LeaseOrder
from fleet.table.parts.builder import PartBuilder
from fleet.worker.job_boundary import job_device, open_job
from fleet.worker.liveness import Liveness
from fleet.worker.pipeline import Pipeline
from fleet.worker.prefetch import Fetch, FetchPool


class Recomputer:
    """One device in this process, and what the job keeps on it."""

    def __init__(
        self, job: Job, without: Collection[str], pipeline: Pipeline, readers: FetchPool
    ) -> None:
        self._job = job
        self._without = without
        self._pipeline = pipeline
        self._readers = readers

    def tables(self, order: LeaseOrder) -> Mapping[str, pa.Table]:
        """Return the tables of a lease, by name.

        What would cost a run the lease is a loss of all of it here. Raises StorageError and
        VideoChangedError where a video cannot be read, UsageError where the job's rows do not fit.
        """
        parts = self._builder()
        self._pipeline.job_errors.clear()
        try:
            with closing(Fetch(order, self._readers)) as fetch:
                ended = self._pipeline.run(order, fetch, parts, lambda: False)
        except (StorageError, VideoChangedError, UsageError):
            raise
        except Exception as error:  # noqa: BLE001 - as in a worker, it costs the lease
            parts = self._builder()
            for interval in order.intervals:
                parts.add_error(_loss(interval.uri, interval.start_pts, interval.end_pts, error))
            return parts.tables()
        for unreached in ended.unreached.values():
            raise unreached
        return parts.tables()

    def _builder(self) -> PartBuilder:
        work = self._job.work
        return PartBuilder(work.table, work.columns(), self._job.partitions, self._without)


def _loss(uri: str, start_pts: int, end_pts: int, error: Exception) -> Loss:
    if isinstance(error, FleetError):
        stage, name, message = error.stage, error.name, error.message
    else:
        stage, name, message = WORKER_STAGE, type(error).__name__, str(error)
    return Loss(uri, stage, name, message, start_pts=start_pts, end_pts=end_pts)


@contextmanager
def recomputing(job: Job, identity: JobIdentity, without: Collection[str]) -> Iterator[Recomputer]:
    """Open a device and let the job load what it keeps there, until the block ends.

    `without`: columns that the output was begun without, see `output_schemas`.
    """
    with (
        closing(FetchPool()) as readers,
        closing(
            job_device(
                job.soc, identity.files, without, providers=job.providers, heads=identity.heads
            )
        ) as device,
    ):
        opened = open_job(job.work, device.device)
        yield Recomputer(job, without, Pipeline(job.work, device, opened, Liveness()), readers)
