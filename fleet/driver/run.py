"""A run, from the job to its report.

identify -> claim the output -> list -> see what is done -> index -> bundle -> loop -> finish
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fleet.ascend.soc import soc
from fleet.driver.events import Assign
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
from fleet.output.finish import finish, sweep, unfinish
from fleet.output.loss import Loss
from fleet.output.read import count_losses, read
from fleet.output.schema import output_schemas
from fleet.plan.order import LeaseOrder
from fleet.plan.plan import bundle
from fleet.storage import Folder, Listing, expand
from fleet.worker.receipt import Receipt, Tally
from fleet.worker.spec import WorkerSpec

MakePool = Callable[[WorkerSpec, int, Callable[[Assign], LeaseOrder]], Pool]


@dataclass(frozen=True)
class _Plan:
    """What a run has to go on: the job, its inputs, what stands in the output, what is to do."""

    job: Job
    identity: JobIdentity
    folder: Folder
    listing: Listing
    standing: tuple[Receipt, ...]
    prepared: Prepared


def run_job(job: Job, devices: int, make_pool: MakePool, observer: Observer) -> RunReport:
    """Run a job to its end on `devices` devices of the pool that `make_pool` makes.

    Raises UsageError before anything runs, JobFailed where it cannot go on. An interrupt from the
    keyboard ends it cleanly, and the report says so: what is committed stays.
    """
    started_s = time.monotonic()
    plan = _plan(job)
    recorder = Recorder(plan.folder, job, plan.identity)
    refused = _record_refusals(plan, recorder, observer)
    works = plan.prepared.works
    leases = bundle(works, plan.identity.record.digest, devices, job.lease_s)
    loop = Loop(leases, {work.source.uri: work for work in works}, recorder, observer)
    observer.see(_started(plan, len(leases)))
    interrupted = False
    devices = min(devices, max(1, len(leases)))
    if leases:
        unfinish(plan.folder)
        try:
            _drive(loop, make_pool(_worker_spec(plan), devices, loop.order))
        except KeyboardInterrupt:
            interrupted = True
    here = (*refused, *loop.receipts)
    receipts = (*plan.standing, *here)
    total = Tally.total(receipt.tally for receipt in receipts)
    if not interrupted:
        total = finish(plan.folder, plan.identity.record, receipts)
    observer.see(RunEnded(whole=not interrupted))
    return RunReport(
        output=plan.folder.uri,
        table=job.work.table,
        job_digest=plan.identity.record.digest,
        total=total,
        this_run=Tally.total(receipt.tally for receipt in here),
        wall_s=time.monotonic() - started_s,
        devices=devices,
        soc=job.soc,
        videos=len(plan.listing.sources),
        video_bytes=sum(source.bytes for source in plan.listing.sources),
        refused_videos=len(plan.prepared.refused),
        left=plan.listing.left,
        leases=len(leases),
        index_bytes=plan.prepared.bytes_read,
        already_done=len(plan.standing),
        quarantined=loop.quarantined,
        interrupted=interrupted,
        losses=count_losses(read(plan.folder.uri).errors) if total.errors else (),
        peak_rss_bytes=max((receipt.peak_rss_bytes for receipt in here), default=0),
    )


def _drive(loop: Loop, pool: Pool) -> None:
    try:
        loop.drive(pool)
    finally:
        pool.close()


def _plan(job: Job) -> _Plan:
    identity = identify(job)
    chip = soc(job.soc)
    folder = Folder(job.output)
    listing = expand(job.inputs)
    standing: tuple[Receipt, ...] = ()
    if claim(folder, identity.record, _schemas(job)):
        versions = {source.uri: source.etag for source in listing.sources}
        standing = sweep(folder, identity.record, versions=versions)
    prepared = prepare(listing.sources, job.sample, chip, done_intervals(standing))
    return _Plan(job, identity, folder, listing, standing, prepared)


def _schemas(job: Job) -> dict[str, object]:
    return output_schemas(job.work.table, job.work.schema, job.partitions)


def _record_refusals(plan: _Plan, recorder: Recorder, observer: Observer) -> tuple[Receipt, ...]:
    """Record the videos that are not processed, each once."""
    standing = {receipt.lease for receipt in plan.standing}
    recorded = []
    for refusal in plan.prepared.refused:
        loss = Loss.of_video(refusal.source.uri, refusal.error)
        observer.see(VideoRefused(loss))
        lease = refusal.lease(plan.identity.record.digest)
        # What could not be read just now may be readable when the command is run again.
        if lease not in standing and not refusal.error.retryable:
            recorded.append(recorder.commit(lease, [refusal.interval], [loss]))
    return tuple(recorded)


def _worker_spec(plan: _Plan) -> WorkerSpec:
    return WorkerSpec(
        work=plan.job.work,
        job_digest=plan.identity.record.digest,
        output=plan.folder.uri,
        soc=plan.job.soc,
        partitions=plan.job.partitions,
        models=plan.identity.models,
        files=plan.identity.files,
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
