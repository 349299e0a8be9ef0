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
from fleet.driver.background import aside
from fleet.driver.checkpointer import RecordKeeper
from fleet.driver.heartbeat import Heartbeat, heartbeat
from fleet.driver.loop import Loop
from fleet.driver.loss_recorder import Recorder
from fleet.driver.peer_pool import SharedPool
from fleet.driver.peers import Turn, adopt, lead_or_join, leave, offered_leases
from fleet.driver.prepare import Prepared
from fleet.driver.report import RunReport
from fleet.driver.session import Ground, Site, clear, find_site, survey, take
from fleet.executors.pool import Pool
from fleet.job.job_file import Job
from fleet.plan.lease import Lease
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork
from fleet.scheduler.autoscale import Limits
from fleet.scheduler.lease_state import Rules
from fleet.table.maintenance.close import Covering
from fleet.table.state.read import count_losses, read
from fleet.table.state.run_notes import RunNote, prune_notes, put_leases, read_notes
from fleet.table.state.state import read_standing
from fleet.table.state.success_marker import is_finished, unfinish
from fleet.worker.spec import WorkerSpec

MakePool = Callable[[WorkerSpec], Pool]


_UNSURE = (
    "This output's store has no conditional puts that hold: two runs that start on it in the same "
    "second may not notice each other. Start one at a time."
)


EVERY_RULE = Rules()


@dataclass(frozen=True)
class Means:
    """What a run has to work with.

    `devices`: for how many the work is cut. `limits`: how many it may come to have, see `Limits`.
    `rules`: see there.
    """

    devices: int
    make_pool: MakePool
    limits: Limits
    rules: Rules = EVERY_RULE


@dataclass(frozen=True)
class _Plan:
    """What a run has to go on: its ground, and what there is to do."""

    ground: Ground
    prepared: Prepared

    @property
    def site(self) -> Site:
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
class _Course:
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


def run_job(job: Job, means: Means, observer: Observer, *, join: bool = False) -> RunReport:
    """Run a job to its end.

    `join`: share the work with runs that are at it already. Raises UsageError before anything
    runs, JobFailed where it cannot go on. An interrupt from the keyboard ends it cleanly, and the
    report says so: what is committed stays.
    """
    started_s = time.monotonic()
    site = find_site(job)
    conditional = take(site)
    digest = site.identity.record.digest
    with lead_or_join(site.folder, digest, join=join, conditional=conditional) as turn:
        note = RunNote(turn.holder, "preparing", time.time(), inputs=job.inputs)
        keeper = RecordKeeper(site.folder, site.origin, observer)
        with heartbeat(site.folder, note, keeper, turn.check) as beat:
            if not conditional:
                beat.see(Warned(_UNSURE))
            course = _drive(_ground(site, turn), means, beat, turn)
            total = _close(course, beat, turn)
            beat.see(RunEnded(whole=not course.interrupted))
    return _report(course, total, time.monotonic() - started_s)


def _ground(site: Site, turn: Turn) -> Ground:
    """See what there is; whoever leads clears away first what does not count."""
    if not turn.leads:
        return survey(site)
    prune_notes(site.folder, read_notes(site.folder), time.time())
    return clear(site)


def _drive(ground: Ground, means: Means, beat: Heartbeat, turn: Turn) -> _Course:
    site = ground.site
    with ExitStack() as ends, aside(ground.prepare_and_keep) as planning:

        def start() -> Pool:
            return ends.enter_context(closing(means.make_pool(_worker_spec(site))))

        # In a closed folder nothing may be left to do; else devices start while the plan is made.
        pool = None if is_finished(site.folder) else start()
        if pool:
            pool.want(min(means.devices, len(site.listing.sources)))
        plan = _Plan(ground, planning.result())
        refused = _record_refusals(plan, beat)
        leases = _leases(plan, means.devices, turn)
        loop = Loop(leases, plan.works, plan.recorder, beat, means.limits, means.rules)
        beat.see(_started(plan, len(leases)))
        interrupted = False
        if leases:
            unfinish(site.folder)
            try:
                shared = SharedPool(pool or start(), site.folder, leases, beat.note)
                shared.want(min(means.devices, len(leases)))
                loop.drive(shared)
            except KeyboardInterrupt:
                interrupted = True
    return _Course(plan, refused, loop, len(leases), interrupted)


def _leases(plan: _Plan, devices: int, turn: Turn) -> list[Lease]:
    """Cut the work into leases, in the way of those who are at it already."""
    folder, longest_s = plan.site.folder, plan.site.job.lease_s
    works: Sequence[VideoWork] = plan.prepared.works
    taken: list[Lease] = []
    if not turn.leads:
        offered = offered_leases(folder, turn)
        done = read_standing(folder, plan.site.identity.record.tables).done
        taken, works = adopt(offered, works, done)
    own = bundle(works, plan.digest, devices, longest_s)
    if own:
        put_leases(folder, turn.holder.mark, own)
    return [*taken, *own]


def _close(course: _Course, beat: Heartbeat, turn: Turn) -> Tally:
    """Add up what the output holds now, and close it if that is everything."""
    plan = course.plan
    if course.interrupted:
        beat.put("interrupted")
        return Tally.total([plan.ground.standing.total, course.this_run])
    committed: list[Covering] = [*course.refused, *course.loop.committed]
    return leave(plan.site.folder, plan.site.identity.record, committed, beat, turn)


def _report(course: _Course, total: Tally, wall_s: float) -> RunReport:
    plan, site, job = course.plan, course.plan.site, course.plan.site.job
    return RunReport(
        output=site.folder.uri,
        table=job.work.table,
        job_digest=plan.digest,
        total=total,
        this_run=course.this_run,
        wall_s=wall_s,
        devices=course.loop.devices,
        soc=job.soc,
        videos=len(site.listing.sources),
        video_bytes=sum(source.bytes for source in site.listing.sources),
        refused_videos=len(plan.prepared.refused),
        left=site.listing.left,
        leases=course.leases,
        index_bytes=plan.prepared.bytes_read,
        already_done=len(plan.ground.standing),
        quarantined=course.loop.quarantined,
        interrupted=course.interrupted,
        losses=count_losses(read(site.folder.uri).errors) if total.errors else (),
        peak_rss_bytes=course.loop.totals.peak_rss_bytes,
    )


def _record_refusals(plan: _Plan, observer: Observer) -> tuple[Receipt, ...]:
    """Record the videos that are not processed, each once."""
    standing = set(plan.ground.standing.leases)
    recorded = []
    for refusal in plan.prepared.refused:
        loss = Loss.of_video(refusal.source.uri, refusal.error)
        observer.see(VideoRefused(loss))
        lease = refusal.lease(plan.digest)
        # What could not be read just now may be readable when the command is run again.
        if lease not in standing and not refusal.error.retryable:
            recorded.append(plan.recorder.commit(lease, [refusal.interval], [loss]))
    return tuple(recorded)


def _worker_spec(site: Site) -> WorkerSpec:
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
    prepared, standing = plan.prepared, plan.ground.standing
    # A refused video is a record in the output, but no lease that anybody waits for.
    refusals = {refusal.lease(plan.digest) for refusal in prepared.refused}
    done = len(standing) - len(refusals.intersection(standing.leases))
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
