"""A run, from the job to its report.

identify -> claim the output -> list -> see what is done -> index -> bundle -> loop -> finish

Devices start while the videos are indexed: both take seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import Observer, RunEnded, RunStarted, VideoRefused, Warned
from fleet.driver.background import background
from fleet.driver.checkpointer import RecordKeeper
from fleet.driver.heartbeat import Heartbeat, heartbeat
from fleet.driver.loop import Loop
from fleet.driver.loss_recorder import Recorder
from fleet.driver.peer_pool import SharedPool
from fleet.driver.peers import (
    Leadership,
    acquire_or_join,
    depart,
    offered_leases,
    partition_peer_leases,
)
from fleet.driver.prepare import Prepared
from fleet.driver.report import RunReport
from fleet.driver.session import (
    JobTarget,
    Session,
    claim_output,
    load_session,
    prepare_output,
    resolve_target,
)
from fleet.executors.pool import Pool
from fleet.job.job_file import Job
from fleet.plan.lease import Lease
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.table.maintenance.close import Covering
from fleet.table.state.read import count_losses, read
from fleet.table.state.run_records import RunRecord, prune_run_records, put_leases, read_run_records
from fleet.table.state.state import read_state
from fleet.table.state.success_marker import is_finished, unfinish
from fleet.worker.spec import WorkerSpec

MakePool = Callable[[WorkerSpec], Pool]


_UNSURE = (
    "This output's store has no conditional puts that hold: two runs that start on it in the same "
    "second may not notice each other. Start one at a time."
)


DEFAULT_POLICY = SchedulingPolicy()


@dataclass(frozen=True)
class Resources:
    """What a run has to work with.

    `devices`: for how many the work is cut. `limits`: how many it may come to have, see `Limits`.
    `policy`: see there.
    """

    devices: int
    make_pool: MakePool
    limits: Limits
    policy: SchedulingPolicy = DEFAULT_POLICY


@dataclass(frozen=True)
class _Plan:
    """What a run has to go on: its ground, and what there is to do."""

    ground: Session
    prepared: Prepared

    @property
    def site(self) -> JobTarget:
        """The job, and where it goes."""
        return self.ground.site

    @property
    def digest(self) -> str:
        """The job's identity."""
        return self.site.identity.record.digest

    @property
    def works(self) -> dict[str, VideoWork]:
        """The work by URI."""
        return {work.source.uri: work for work in self.prepared.works}

    @property
    def recorder(self) -> Recorder:
        """What records losses in the output."""
        return Recorder(self.site.folder, self.site.job, self.site.identity)


@dataclass(frozen=True)
class _Outcome:
    """How a run went.

    `refused`: records of videos that are not processed. `leases`: how many it had to do.
    """

    plan: _Plan
    refused: tuple[Receipt, ...]
    loop: Loop
    leases: int
    interrupted: bool

    @property
    def this_run(self) -> Tally:
        """What it did itself."""
        return Tally.total([*(receipt.tally for receipt in self.refused), self.loop.totals.here])


def run_job(job: Job, means: Resources, observer: Observer, *, join: bool = False) -> RunReport:
    """Run a job to its end.

    `join`: share the work with runs that are at it already. Raises UsageError before anything runs,
    JobFailedError where it cannot go on. An interrupt from the keyboard ends it cleanly, and the
    report says so: what is committed stays.
    """
    started_s = time.monotonic()
    site = resolve_target(job)
    conditional = claim_output(site)
    digest = site.identity.record.digest
    with acquire_or_join(site.folder, digest, join=join, conditional=conditional) as leadership:
        note = RunRecord(leadership.holder, "preparing", time.time(), inputs=job.inputs)
        keeper = RecordKeeper(site.folder, site.origin, observer)
        with heartbeat(site.folder, note, keeper, leadership.check) as beat:
            if not conditional:
                beat.on_event(Warned(_UNSURE))
            outcome = _drive(_ground(site, leadership), means, beat, leadership)
            total = _close(outcome, beat, leadership)
            beat.on_event(RunEnded(whole=not outcome.interrupted))
    return _report(outcome, total, time.monotonic() - started_s)


def _ground(site: JobTarget, leadership: Leadership) -> Session:
    """See what there is; whoever leads clears away first what does not count."""
    if not leadership.leads:
        return load_session(site)
    prune_run_records(site.folder, read_run_records(site.folder), time.time())
    return prepare_output(site)


def _drive(ground: Session, means: Resources, beat: Heartbeat, leadership: Leadership) -> _Outcome:
    site = ground.site
    with ExitStack() as ends, background(ground.prepare_and_keep) as planning:

        def start() -> Pool:
            return ends.enter_context(closing(means.make_pool(_worker_spec(site))))

        # In a closed folder nothing may be left to do; else devices start while the plan is made.
        pool = None if is_finished(site.folder) else start()
        if pool:
            pool.set_target(min(means.devices, len(site.listing.sources)))
        plan = _Plan(ground, planning.result())
        refused = _record_refusals(plan, beat)
        leases = _leases(plan, means.devices, leadership)
        loop = Loop(leases, plan.works, plan.recorder, beat, means.limits, means.policy)
        beat.on_event(_started(plan, len(leases)))
        interrupted = False
        if leases:
            unfinish(site.folder)
            try:
                shared = SharedPool(pool or start(), site.folder, leases, beat.note)
                shared.set_target(min(means.devices, len(leases)))
                loop.drive(shared)
            except KeyboardInterrupt:
                interrupted = True
    return _Outcome(plan, refused, loop, len(leases), interrupted)


def _leases(plan: _Plan, devices: int, leadership: Leadership) -> list[Lease]:
    """Cut the work into leases, in the way of those who are at it already."""
    folder, longest_s = plan.site.folder, plan.site.job.lease_s
    works: Sequence[VideoWork] = plan.prepared.works
    taken: list[Lease] = []
    if not leadership.leads:
        offered = offered_leases(folder, leadership)
        done = read_state(folder, plan.site.identity.record.tables).done
        taken, works = partition_peer_leases(offered, works, done)
    own = bundle(works, plan.digest, devices, longest_s)
    if own:
        put_leases(folder, leadership.holder.mark, own)
    return [*taken, *own]


def _close(outcome: _Outcome, beat: Heartbeat, leadership: Leadership) -> Tally:
    """Add up what the output holds now, and close it if that is everything."""
    plan = outcome.plan
    if outcome.interrupted:
        beat.put("interrupted")
        return Tally.total([plan.ground.state.total, outcome.this_run])
    committed: list[Covering] = [*outcome.refused, *outcome.loop.committed]
    return depart(plan.site.folder, plan.site.identity.record, committed, beat, leadership)


def _report(outcome: _Outcome, total: Tally, wall_s: float) -> RunReport:
    plan, site, job = outcome.plan, outcome.plan.site, outcome.plan.site.job
    return RunReport(
        output=site.folder.uri,
        table=job.work.table,
        job_digest=plan.digest,
        total=total,
        this_run=outcome.this_run,
        wall_s=wall_s,
        devices=outcome.loop.devices,
        soc=job.soc,
        videos=len(site.listing.sources),
        video_bytes=sum(source.bytes for source in site.listing.sources),
        refused_videos=len(plan.prepared.refused),
        left=site.listing.left,
        leases=outcome.leases,
        index_bytes=plan.prepared.bytes_read,
        already_done=len(plan.ground.state),
        quarantined=outcome.loop.quarantined,
        interrupted=outcome.interrupted,
        losses=count_losses(read(site.folder.uri).errors) if total.errors else (),
        peak_rss_bytes=outcome.loop.totals.peak_rss_bytes,
    )


def _record_refusals(plan: _Plan, observer: Observer) -> tuple[Receipt, ...]:
    """Record the videos that are not processed, each once."""
    state = set(plan.ground.state.leases)
    recorded = []
    for refusal in plan.prepared.refused:
        loss = Loss.of_video(refusal.source.uri, refusal.error)
        observer.on_event(VideoRefused(loss))
        lease = refusal.lease(plan.digest)
        # What could not be read just now may be readable when the command is run again.
        if lease not in state and not refusal.error.retryable:
            recorded.append(plan.recorder.commit(lease, [refusal.interval], [loss]))
    return tuple(recorded)


def _worker_spec(site: JobTarget) -> WorkerSpec:
    job = site.job
    return WorkerSpec(
        work=job.work,
        job_digest=site.identity.record.digest,
        output=site.folder.uri,
        soc=job.soc,
        partitions=job.partitions,
        models=site.identity.models,
        files=site.identity.files,
        watchdog_s=job.watchdog_s,
    )


def _started(plan: _Plan, leases: int) -> RunStarted:
    prepared, state = plan.prepared, plan.ground.state
    # A refused video is a record in the output, but no lease that anybody waits for.
    refusals = {refusal.lease(plan.digest) for refusal in prepared.refused}
    done = len(state) - len(refusals.intersection(state.leases))
    return RunStarted(
        output=plan.site.folder.uri,
        videos=len(plan.site.listing.sources),
        video_s=prepared.duration_s,
        frames=prepared.frames,
        leases=leases + done,
        # Rounded, or what sums leave over would read as a stretch of video.
        done_video_s=max(0.0, round(prepared.duration_s - prepared.todo_s, 6)),
        done_frames=prepared.frames - prepared.todo_frames,
        done_leases=done,
        job=plan.digest,
    )
