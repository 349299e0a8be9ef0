"""A run, from the job to its report.

identify -> claim the output -> list -> read -> index -> take over -> bundle -> loop -> close

Devices start while the videos are indexed: both take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import RunEnded, RunStarted, VideoRefused, Warned
from fleet.driver.background import background
from fleet.driver.checkpointer import Checkpointer
from fleet.driver.context import Context, Outcome, Plan, Resources, report_of
from fleet.driver.fallback import take_up_refused, videos_of_runs
from fleet.driver.heartbeat import Heartbeat, beating
from fleet.driver.loop import Loop, LoopParts
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.driver.observers import Observers
from fleet.driver.peer_pool import SharedPool
from fleet.driver.peers import (
    acquire_or_join,
    depart,
    leave_open,
    less_done,
    offered_leases,
    partition_peer_leases,
)
from fleet.driver.preparing.prepared import Prepared, Refusal
from fleet.driver.preparing.streams import left_streams
from fleet.driver.report import RunReport
from fleet.driver.session import JobTarget, Session, load_session, resolve_target, worker_spec
from fleet.driver.straight import keep_model
from fleet.executors.mending_pool import MendingPool
from fleet.executors.patient_pool import OutputWatch, PatientPool
from fleet.executors.pool import Pool
from fleet.job.job import Job
from fleet.observe.observer import Observer
from fleet.plan.lease import Lease
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork
from fleet.table.diaries.diary import Diary, noting
from fleet.table.maintenance.close import Covering
from fleet.table.state.run_records import RunRecord
from fleet.table.state.state import TableState

_UNSURE = (
    "This output's store has no conditional puts that hold: two runs that start on it in the same "
    "second may not notice each other. Start one at a time."
)


def run_job(
    job: Job,
    resources: Resources,
    observer: Observer,
    *,
    join: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> RunReport:
    """Run a job to its end.

    `join`: share the work with runs that are at it already. Raises UsageError before anything
    runs, JobFailedError where it cannot go on. An interrupt from the keyboard ends it cleanly, and
    the report says so: what is committed stays.
    """
    started_s = clock.steady_s()
    report = run_target(resolve_target(job), resources, observer, join=join, clock=clock)
    return replace(report, wall_s=clock.steady_s() - started_s)


def run_target(
    target: JobTarget,
    resources: Resources,
    observer: Observer,
    *,
    join: bool,
    clock: Clock,
    load: Callable[[JobTarget], Session] = load_session,
) -> RunReport:
    """Run a job whose inputs are listed; see `run_job`.

    `load`: reads what earlier runs left; what it returns looks at the videos.
    """
    started_s = clock.steady_s()
    table = target.table
    target = replace(target, without=table.create(target.schemas))
    for model in target.identity.straight:
        keep_model(model, table.folder)
    if join:
        table.need_conditional_to_join()
    said = take_up_refused(target) if target.job.fallback == "cpu" else ""
    with acquire_or_join(table, clock, join=join) as leadership:
        record = RunRecord(
            leadership.holder,
            "preparing",
            clock.unix_s(),
            inputs=target.job.inputs,
            soc=target.job.soc,
            labels=target.job.job_labels,
        )
        beat = Heartbeat(table.runs, record, clock)
        checkpointer = Checkpointer(table, target.origin, clock)
        diary = Diary(table.runs.diaries, leadership.holder.mark, clock)
        observers = Observers(beat, checkpointer, diary, observer)
        context = Context(target, resources, leadership, observers, beat, clock)
        with noting(diary), beating(beat, clock, checkpointer.flush, diary.flush):
            unsure = "" if table.conditional else _UNSURE
            readings = [model.reading for model in target.identity.straight]
            for text in filter(None, [unsure, target.without_columns, *readings, said]):
                observers.on_event(Warned(text))
            session = load(target)
            if not leadership.leads:
                session = replace(session, at_work=videos_of_runs(table), joined=True)
            outcome = _drive(context, session)
            total = _close(context, outcome)
            observers.on_event(RunEnded(whole=not (outcome.interrupted or outcome.unreached)))
    return report_of(outcome, total, clock.steady_s() - started_s)


def _drive(context: Context, session: Session) -> Outcome:
    target, resources = context.target, context.resources
    with ExitStack() as ends, background(session.prepare_and_keep) as planning:

        def start() -> Pool:
            spec = worker_spec(target)
            return ends.enter_context(closing(resources.make_pool(spec)))

        # In a closed output nothing may be left to do; else devices start while the plan is made.
        pool = None if session.state.closed else start()
        if pool:
            pool.set_target(min(resources.devices, len(target.listing.sources)))
        plan = _take_over(context, session, planning.result())
        refused = _record_refusals(context, plan)
        leases = _leases(context, plan)
        works = {work.source.uri: work for work in plan.prepared.works}
        loop = Loop(leases, works, _loop_parts(context, plan))
        if aside := left_streams(plan.prepared.left_streams):
            context.observers.on_event(Warned(aside))
        context.observers.on_event(_started(plan, len(leases)))
        interrupted = False
        if leases:
            try:
                peers = context.leadership.peers
                shared = SharedPool(
                    pool or start(),
                    target.table,
                    leases,
                    peers,
                    plan.epoch,
                    context.clock,
                    answers=lambda: context.beat.is_put,
                )
                shared.set_target(min(resources.devices, len(leases)))
                mending = MendingPool(shared, plan.prepared.mend)
                ends.callback(mending.stop)
                loop.drive(PatientPool(mending, _output_watch(context), context.clock))
            except KeyboardInterrupt:
                interrupted = True
    return Outcome(plan, refused, loop, len(leases), interrupted)


def _take_over(context: Context, session: Session, prepared: Prepared) -> Plan:
    """Begin an epoch of the output where there is something to do; a run that joins has one."""
    target, leadership = context.target, context.leadership
    writer = target.table.writer(target.origin, DRIVER)
    recorder = LossRecorder(target.job, writer, target.without)
    state = session.state
    if not leadership.leads:
        state = target.table.state(session.state.leases)
        while state.manifest.epoch != session.state.manifest.epoch:
            # What was done when it looked at the videos may have been taken out since.
            session = replace(session, state=state)
            prepared = session.prepare_and_keep()
            state = target.table.state(state.leases)
    elif not state.closed or prepared.works or _unrecorded(prepared.refused, state):
        leadership.check()
        state = target.table.begin_epoch(target.versions, session.state)
        # In another epoch, a run cannot commit anything that counts.
        epoch = state.manifest.epoch
        past = (r for r in target.table.runs.read() if r.id != leadership.holder.mark)
        target.table.runs.prune([r for r in past if r.is_over or r.epoch != epoch])
    context.beat.work_in(state.manifest.epoch)
    left = tuple(less_done(prepared.works, state.done))
    return Plan(session, replace(prepared, works=left), state, recorder)


def _unrecorded(refused: Sequence[Refusal], state: TableState) -> list[Refusal]:
    """Return the refusals that are not in the output; of some, another run may find otherwise."""
    done = state.done
    lasting = (refusal for refusal in refused if not refusal.error.retryable)
    return [refusal for refusal in lasting if not done.has(refusal.interval)]


def _record_refusals(context: Context, plan: Plan) -> tuple[Receipt, ...]:
    """Record the videos that are not processed, each once."""
    unrecorded = _unrecorded(plan.prepared.refused, plan.state)
    recorded = []
    for refusal in plan.prepared.refused:
        loss = Loss.of_video(refusal.source.uri, refusal.error)
        context.observers.on_event(VideoRefused(loss))
        if refusal in unrecorded:
            interval = refusal.interval
            losses = [(loss, refusal.start)]
            recorded.append(plan.recorder.commit(plan.names([interval]), [interval], losses))
    return tuple(recorded)


def _leases(context: Context, plan: Plan) -> list[Lease]:
    """Cut the work into leases, as the runs do that are at it already."""
    table, leadership, job = context.target.table, context.leadership, context.target.job
    works: Sequence[VideoWork] = plan.prepared.works
    taken: list[Lease] = []
    if not leadership.leads:
        offered = offered_leases(table, leadership, plan.epoch)
        taken, works = partition_peer_leases(offered, works, table.state().done)
    own = bundle(works, plan.names, context.resources.devices, job.lease_s)
    if own:
        table.runs.put_leases(leadership.holder.mark, own)
    return [*taken, *own]


def _loop_parts(context: Context, plan: Plan) -> LoopParts:
    policy = context.resources.policy
    return LoopParts(
        names=plan.names,
        recorder=plan.recorder,
        observer=context.observers,
        limits=context.resources.limits,
        policy=policy if context.target.table.conditional else replace(policy, backups=False),
        clock=context.clock,
        still_leads=lambda: context.leadership.check(output_answers=context.beat.is_put),
    )


def _output_watch(context: Context) -> OutputWatch:
    return OutputWatch(
        takes=lambda: context.beat.is_put,
        wait=context.leadership.wait_for_output,
        say=context.observers.on_event,
    )


def _close(context: Context, outcome: Outcome) -> Tally:
    """Add up what the output holds now, and close it if that is everything."""
    if outcome.interrupted:
        context.beat.put("interrupted")
        context.target.table.tell_of_videos()
        return Tally.total([outcome.plan.state.total, outcome.this_run])
    if outcome.unreached:
        return leave_open(context.target.table, context.beat, outcome.unreached)
    committed: list[Covering] = [*outcome.refused, *outcome.loop.committed]
    return depart(
        context.target.table,
        committed,
        [video.interval for video in outcome.plan.prepared.videos],
        context.beat,
        context.observers,
        context.leadership,
        outcome.plan.epoch,
    )


def _started(plan: Plan, leases: int) -> RunStarted:
    prepared, target = plan.prepared, plan.session.target
    # A refused video is a record in the output, but no lease that anybody waits for.
    refused = {refusal.interval for refusal in prepared.refused}
    done = len(plan.state) - len(refused.intersection(plan.state.covered.intervals))
    return RunStarted(
        output=target.table.uri,
        videos=len(prepared.videos),
        video_s=prepared.duration_s,
        frames=prepared.frames,
        leases=leases + done,
        # Rounded, or what sums leave over would read as a stretch of video.
        done_video_s=max(0.0, round(prepared.duration_s - prepared.todo_s, 6)),
        done_frames=prepared.frames - prepared.todo_frames,
        done_leases=done,
        job=target.digest,
        left=target.listing.left,
    )
