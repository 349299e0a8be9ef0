"""A run, from the job to its report.

identify -> claim the output -> list -> read -> [index -> bundle] -> take over -> loop -> close

Devices start while the first videos are indexed: both take seconds. What is in brackets is done
window by window, and goes on while the loop runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace
from functools import partial

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.receipt import Tally
from fleet.core.run_events import RunEnded, Warned
from fleet.driver.ahead_pool import AheadPool
from fleet.driver.checkpointer import Checkpointer
from fleet.driver.context import Context, Outcome, Plan, Resources, going_on, report_of
from fleet.driver.fallback import take_up_refused, videos_of_runs
from fleet.driver.heartbeat import Heartbeat, beating
from fleet.driver.loop import Loop, LoopParts
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.driver.observers import Observers
from fleet.driver.peer_pool import SharedPool
from fleet.driver.peers import acquire_or_join, depart, leave_open, less_done
from fleet.driver.preparing.background import Ahead, in_background
from fleet.driver.preparing.prepared import Prepared
from fleet.driver.report import RunReport
from fleet.driver.retry import Retry, take_up_lost
from fleet.driver.session import Session, load_session
from fleet.driver.supply import Supply, first_to_do, unrecorded
from fleet.driver.target.straight import keep_model
from fleet.driver.target.target import JobTarget, begin_target, worker_spec
from fleet.errors import BrokenOffError
from fleet.executors.mending_pool import MendingPool
from fleet.executors.patient_pool import OutputWatch, PatientPool
from fleet.executors.pool import Pool
from fleet.job.job import Job
from fleet.observe.observer import Observer
from fleet.plan.lease import Lease
from fleet.scheduler.autoscale import wanted_early
from fleet.table.diaries.diary import Diary, noting
from fleet.table.maintenance.close import Covering
from fleet.table.state.run_records import RunRecord

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
    retry: Retry = Retry.NOTHING,
    clock: Clock = SYSTEM_CLOCK,
) -> RunReport:
    """Run a job to its end.

    `join`: share the work with runs that are at it already. `retry`: what of the losses of earlier
    runs is done again, also where the job's code has been mended since. Raises UsageError before
    anything runs, JobFailedError where it cannot go on. An interrupt from the keyboard ends it
    cleanly, and the report says so: what is committed stays.
    """
    started_s = clock.steady_s()
    target = begin_target(job, mended=retry is not Retry.NOTHING)
    with closing(target.inputs.listed) if target.inputs else nullcontext():
        report = run_target(target, resources, observer, join=join, retry=retry, clock=clock)
    return replace(report, wall_s=clock.steady_s() - started_s)


def run_target(
    target: JobTarget,
    resources: Resources,
    observer: Observer,
    *,
    join: bool,
    clock: Clock,
    retry: Retry = Retry.NOTHING,
    load: Callable[[JobTarget], Session] = load_session,
) -> RunReport:
    """Run a job whose inputs are listed, or are being listed; see `run_job`.

    `load`: reads what earlier runs left; what it returns looks at the videos.
    """
    started_s = clock.steady_s()
    table = target.table
    target = replace(target, without=table.create(target.schemas))
    for model in target.identity.straight:
        keep_model(model, table.folder)
    if join:
        table.need_conditional("`--join`")
    taken_up = take_up_lost(target, retry, join=join)
    said = [taken_up.said, take_up_refused(target) if target.job.fallback == "cpu" else ""]
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
        context = Context(target, resources, leadership, observers, beat, clock, taken_up)
        with noting(diary), beating(beat, clock, checkpointer.flush, diary.flush):
            unsure = "" if table.conditional else _UNSURE
            readings = [model.reading for model in target.identity.straight]
            for text in filter(None, [unsure, target.without_columns, *readings, *said]):
                observers.on_event(Warned(text))
            session = replace(load(target), make_index_pool=resources.make_index_pool)
            if not leadership.leads:
                session = replace(session, at_work=videos_of_runs(table), joined=True)
            context, session = _with_all_inputs(context, session)
            outcome = _drive(context, session)
            with going_on():
                total = _close(context, outcome)
            observers.on_event(RunEnded(whole=not (outcome.interrupted or outcome.unreached)))
    return report_of(outcome, total, clock.steady_s() - started_s)


def _with_all_inputs(context: Context, session: Session) -> tuple[Context, Session]:
    """Wait for the whole listing where it is needed before anything runs.

    That is where there are rows already, since those of videos that have changed are to go at once;
    where others are at work, since what they do is compared with all that is wanted; and where the
    output's store has no conditional puts, since it is looked at once, and only then; with a
    deadline, since the number of devices follows from all that is to do; and where an input holds
    the output, since what the run puts there is no input of its own.
    """
    is_new = not len(session.state) and not session.state.closed and not session.joined
    has_deadline = context.resources.limits.deadline_s is not None
    target = session.target
    may_begin = is_new and target.table.conditional and not has_deadline and not target.is_inside
    if target.inputs is None or may_begin:
        return context, session
    target = target.whole()
    if target.without_columns:
        context.observers.on_event(Warned(target.without_columns))
    return replace(context, target=target), replace(session, target=target)


def _drive(context: Context, session: Session) -> Outcome:
    target, resources = context.target, context.resources
    prepare = partial(session.prepare_in_windows, clock=context.clock)
    with ExitStack() as ends, in_background(prepare) as windows:

        def start() -> Pool:
            spec = worker_spec(target)
            return ends.enter_context(closing(resources.make_pool(spec)))

        # In a closed output nothing may be left to do; else devices start while the plan is made.
        pool = None if session.state.closed else start()
        if pool:
            pool.set_target(_early(context))
        supply = Supply(context, _begin(context, session, windows), windows)
        stock = supply.begin()
        plan = supply.plan
        loop = Loop(stock.leases, supply.works, _loop_parts(context, plan), stock.coming_s)
        interrupted = False
        if stock.leases or stock.coming_s is not None:
            try:
                pool = pool or start()
                leased = _reading_ahead(context, pool, supply)
                shared = _shared(context, plan, leased, stock.leases)
                few = len(stock.leases) if stock.coming_s is None else resources.devices
                shared.set_target(min(resources.devices, few))
                mending = MendingPool(shared, plan.prepared.mend)
                ends.callback(mending.stop)
                patient = PatientPool(mending, _output_watch(context), context.clock)
                loop.drive(patient, supply.into(shared))
            except KeyboardInterrupt:
                interrupted = True
    return supply.outcome(loop, interrupted=interrupted)


def _early(context: Context) -> int:
    """Return how many devices are started while the plan is made."""
    target, resources = context.target, context.resources
    files = len(target.inputs.listed if target.inputs else target.listing.sources)
    # With a deadline, a run has as few as keep it, which the plan says.
    is_dense = target.job.sample.is_dense and resources.limits.deadline_s is None
    decoded_bytes = target.video_bytes if is_dense else 0
    return wanted_early(files, decoded_bytes, resources.devices)


def _reading_ahead(context: Context, pool: Pool, supply: Supply) -> Pool:
    if not context.resources.shares_cores:
        return pool
    return AheadPool(pool, context.target, supply.works, lambda: supply.is_all_planned)


def _shared(context: Context, plan: Plan, pool: Pool, leases: Sequence[Lease]) -> SharedPool:
    return SharedPool(
        pool,
        context.target.table,
        leases,
        context.leadership.peers,
        plan.epoch,
        context.clock,
        answers=lambda: context.beat.is_put,
    )


def _begin(context: Context, session: Session, windows: Ahead[Prepared]) -> Plan:
    """Plan the first windows, up to one in which there is something to do."""
    first = first_to_do(windows, session.state, leads=context.leadership.leads)
    return _take_over(context, session, first)


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
    elif not state.closed or prepared.works or unrecorded(prepared.refused, state):
        leadership.check()
        state = target.table.begin_epoch(target.versions, session.state)
        if target.inputs and len(state):
            # Which of these are of videos that have changed since, only the whole listing tells.
            raise BrokenOffError(
                f"What an earlier run did came to {target.table.uri} while this one began.",
                "Run the same command again: it goes on from there.",
            )
        # In another epoch, a run cannot commit anything that counts.
        epoch = state.manifest.epoch
        past = (r for r in target.table.runs.read() if r.id != leadership.holder.mark)
        target.table.runs.prune([r for r in past if r.is_over or r.epoch != epoch])
    context.beat.work_in(state.manifest.epoch)
    left = tuple(less_done(prepared.works, state.done))
    return Plan(session, replace(prepared, works=left), state, recorder)


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
        ends_if_wrong=lambda at: not (len(plan.state) and context.taken_up.spares(at)),
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
