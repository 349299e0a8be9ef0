"""A run, from the job to its report.

identify -> claim the output -> list -> see what is done -> index -> bundle -> loop -> finish

Devices start while the videos are indexed: both take seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from fleet.ascend.soc import soc
from fleet.driver.aside import aside
from fleet.driver.loop import Loop
from fleet.driver.pool import Pool
from fleet.driver.prepare import Prepared, prepare
from fleet.driver.record import Recorder
from fleet.identity import JobIdentity, identify
from fleet.job import Job
from fleet.observe.events import Observer, RunEnded, RunStarted, VideoRefused
from fleet.observe.report import RunReport
from fleet.output.claim import claim
from fleet.output.commit import done_intervals
from fleet.output.finish import finish, is_finished, sweep, unfinish
from fleet.output.loss import Loss
from fleet.output.read import count_losses, read
from fleet.output.schema import output_schemas
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork
from fleet.storage import Folder, Listing, expand
from fleet.worker.receipt import Receipt, Tally
from fleet.worker.spec import WorkerSpec

MakePool = Callable[[WorkerSpec], Pool]


@dataclass(frozen=True)
class _Ground:
    """What a run starts from: the job, its inputs, what stands in the output."""

    job: Job
    identity: JobIdentity
    folder: Folder
    listing: Listing
    standing: tuple[Receipt, ...]


@dataclass(frozen=True)
class _Plan(_Ground):
    """What a run has to go on: its ground, and what there is to do."""

    prepared: Prepared

    @property
    def works(self) -> dict[str, VideoWork]:
        """The work by URI."""
        return {work.source.uri: work for work in self.prepared.works}

    @property
    def recorder(self) -> Recorder:
        """What records losses in the output."""
        return Recorder(self.folder, self.job, self.identity)


@dataclass(frozen=True)
class _Course:
    """How a run went; `receipts`: of what it did itself, `total`: over all that is there now."""

    receipts: tuple[Receipt, ...]
    total: Tally
    leases: int
    quarantined: int
    devices: int
    interrupted: bool


def run_job(job: Job, devices: int, make_pool: MakePool, observer: Observer) -> RunReport:
    """Run a job to its end on `devices` devices of the pool that `make_pool` makes.

    Raises UsageError before anything runs, JobFailed where it cannot go on. An interrupt from the
    keyboard ends it cleanly, and the report says so: what is committed stays.
    """
    started_s = time.monotonic()
    ground = _ground(job)
    with ExitStack() as ends, aside(partial(_prepare, ground)) as planning:

        def start() -> Pool:
            return ends.enter_context(closing(make_pool(_worker_spec(ground))))

        # In a closed folder nothing may be left to do; else devices start while the plan is made.
        pool = None if is_finished(ground.folder) else start()
        if pool:
            pool.want(min(devices, len(ground.listing.sources)))
        plan = _Plan(**vars(ground), prepared=planning.result())
        refused = _record_refusals(plan, observer)
        leases = bundle(plan.prepared.works, plan.identity.record.digest, devices, job.lease_s)
        devices = min(devices, max(1, len(leases)))
        loop = Loop(leases, plan.works, plan.recorder, observer)
        observer.see(_started(plan, len(leases)))
        interrupted = False
        if leases:
            unfinish(plan.folder)
            try:
                pool = pool or start()
                pool.want(devices)
                loop.drive(pool)
            except KeyboardInterrupt:
                interrupted = True
    here = (*refused, *loop.receipts)
    total = _close(plan, here, whole=not interrupted)
    observer.see(RunEnded(whole=not interrupted))
    course = _Course(here, total, len(leases), loop.quarantined, devices, interrupted)
    return _report(plan, course, time.monotonic() - started_s)


def _report(plan: _Plan, course: _Course, wall_s: float) -> RunReport:
    job, total = plan.job, course.total
    return RunReport(
        output=plan.folder.uri,
        table=job.work.table,
        job_digest=plan.identity.record.digest,
        total=total,
        this_run=Tally.total(receipt.tally for receipt in course.receipts),
        wall_s=wall_s,
        devices=course.devices,
        soc=job.soc,
        videos=len(plan.listing.sources),
        video_bytes=sum(source.bytes for source in plan.listing.sources),
        refused_videos=len(plan.prepared.refused),
        left=plan.listing.left,
        leases=course.leases,
        index_bytes=plan.prepared.bytes_read,
        already_done=len(plan.standing),
        quarantined=course.quarantined,
        interrupted=course.interrupted,
        losses=count_losses(read(plan.folder.uri).errors) if total.errors else (),
        peak_rss_bytes=max((receipt.peak_rss_bytes for receipt in course.receipts), default=0),
    )


def _ground(job: Job) -> _Ground:
    identity = identify(job)
    soc(job.soc)
    folder = Folder(job.output)
    listing = expand(job.inputs)
    standing: tuple[Receipt, ...] = ()
    if claim(folder, identity.record, _schemas(job)):
        versions = {source.uri: source.etag for source in listing.sources}
        standing = sweep(folder, identity.record, versions=versions)
    return _Ground(job, identity, folder, listing, standing)


def _prepare(ground: _Ground, see: Callable[[int], None]) -> Prepared:
    job, done = ground.job, done_intervals(ground.standing)
    return prepare(ground.listing.sources, job.sample, soc(job.soc), done, see)


def _close(plan: _Plan, here: Sequence[Receipt], *, whole: bool) -> Tally:
    """Add up what the output holds now, and close it if that is everything."""
    receipts = (*plan.standing, *here)
    if whole:
        return finish(plan.folder, plan.identity.record, receipts)
    return Tally.total(receipt.tally for receipt in receipts)


def _schemas(job: Job) -> dict[str, object]:
    return output_schemas(job.work.table, job.work.schema, job.partitions)


def _record_refusals(plan: _Plan, observer: Observer) -> tuple[Receipt, ...]:
    """Record the videos that are not processed, each once."""
    standing = {receipt.lease for receipt in plan.standing}
    recorded = []
    for refusal in plan.prepared.refused:
        loss = Loss.of_video(refusal.source.uri, refusal.error)
        observer.see(VideoRefused(loss))
        lease = refusal.lease(plan.identity.record.digest)
        # What could not be read just now may be readable when the command is run again.
        if lease not in standing and not refusal.error.retryable:
            recorded.append(plan.recorder.commit(lease, [refusal.interval], [loss]))
    return tuple(recorded)


def _worker_spec(ground: _Ground) -> WorkerSpec:
    return WorkerSpec(
        work=ground.job.work,
        job_digest=ground.identity.record.digest,
        output=ground.folder.uri,
        soc=ground.job.soc,
        partitions=ground.job.partitions,
        models=ground.identity.models,
        files=ground.identity.files,
    )


def _started(plan: _Plan, leases: int) -> RunStarted:
    digest = plan.identity.record.digest
    # A refused video is a record in the output, but no lease that anybody waits for.
    refusals = {refusal.lease(digest) for refusal in plan.prepared.refused}
    standing = [receipt for receipt in plan.standing if receipt.lease not in refusals]
    done = Tally.total(receipt.tally for receipt in standing)
    return RunStarted(
        output=plan.folder.uri,
        videos=len(plan.listing.sources),
        video_s=plan.prepared.duration_s,
        frames=sum(int(work.costs.frames.sum()) for work in plan.prepared.works),
        leases=leases + len(standing),
        done_video_s=done.video_s,
        done_frames=done.frames + done.lost_frames,
        done_leases=len(standing),
    )
