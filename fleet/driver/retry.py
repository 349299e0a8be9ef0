"""Take up what earlier runs recorded as lost, where somebody asks for it: --retry-failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from fleet.core.fault import JOB_STAGES
from fleet.core.format import plural
from fleet.core.interval import Interval
from fleet.core.interval_set import DoneIntervals, IntervalTable
from fleet.core.loss import Loss
from fleet.driver.target.target import JobTarget
from fleet.errors import OutputBusyError, OutputTakenError
from fleet.index_cache.store import IndexStore
from fleet.table.maintenance.requeue import LossFilter, Requeued
from fleet.table.parts.schema import LATER
from fleet.table.state.ownership import another_job, read_schema
from fleet.table.state.read import read_losses
from fleet.table.state.taken_on import has_taken_on, take_on

_CHANGED = "The job's code has changed: what is there stays as the earlier code made it."


class Retry(Enum):
    """Which losses of earlier runs a run does again."""

    NOTHING = ""
    """None of them."""
    FAILED = "--retry-failed"
    """Those that the job's own code came to."""
    LOST = "--retry-lost"
    """All of them."""


def retry_of(*, failed: bool, lost: bool) -> Retry:
    """Return what is asked for by two options, of which the second one says more."""
    if lost:
        return Retry.LOST
    return Retry.FAILED if failed else Retry.NOTHING


@dataclass(frozen=True)
class _Retried(LossFilter):
    """Means what can be mended by trying again; of two runs that ask for it, one finds none."""

    whatever: bool = False
    """Whether all losses are meant, not only those that the job's own code came to."""

    may_mean_none: ClassVar[bool] = True

    def means(self, loss: Loss) -> bool:
        """Return whether a loss is one of them."""
        return self.whatever or loss.stage in JOB_STAGES


@dataclass(frozen=True)
class TakenUp:
    """What a run does again of what earlier runs recorded as lost."""

    said: str = ""
    """What to say of it."""
    again: DoneIntervals = field(default_factory=lambda: DoneIntervals(IntervalTable.of(())))
    """Where it lies."""
    is_known_to_work: bool = False
    """Whether rows that are there were made by the job's code as it is."""

    def spares(self, intervals: Sequence[Interval]) -> bool:
        """Return whether the job may fail on these, its first ones, and the run goes on.

        What fails again is recorded again. Code that was mended badly is no reason to record as
        lost what no run has come to yet.
        """
        return self.is_known_to_work or all(map(self.again.has, intervals))


NOTHING_TAKEN_UP = TakenUp()


def take_up_lost(target: JobTarget, retry: Retry, *, join: bool) -> TakenUp:
    """Have what earlier runs lost done again by whichever run is next; return what that is.

    The losses go in one manifest, and with them the GOPs that they lie in. From then on these are
    to do, as if no run had come to them: a run that dies leaves them so. Where the job's code is
    another than before, the output takes it on in the step before, while no other run can be at
    work; a command that is refused leaves nothing behind.

    Raises OutputTakenError where the code is another, and has nothing to do or other columns;
    StorageRefusedError where nothing can be taken out of the output; OutputBusyError where another
    run is at work, unless this one is to `join` it and has the code that the output knows.
    """
    if retry is Retry.NOTHING:
        return NOTHING_TAKEN_UP
    table, job = target.table, target.identity.record
    works = job.digest == table.job.digest
    asked = _Retried(whatever=retry is Retry.LOST)
    count = sum(asked.means(loss) for loss in read_losses(table.tables().errors))
    is_new = _is_new(target)
    if not count and not is_new:
        return TakenUp(is_known_to_work=works)
    if is_new:
        _check_something_to_do(target, retry, count)
        _check_columns(target)
    again: list[Interval] = []

    def before(meant: int, taken_out: Sequence[Interval]) -> None:
        again[:] = taken_out
        if is_new:
            _check_something_to_do(target, retry, meant)
            take_on(table.folder, job)

    store = IndexStore(target.index_folder)
    try:
        done = table.requeue(asked, store, f"fleet run {retry.value}", before)
    except OutputBusyError as error:
        if not join:
            raise
        if _is_new(target):
            raise _other_code(error) from None
        lost = f"{plural(count, 'error')} of earlier runs"
        stay = f"{lost} stay: another run is at work. Run this again once it has ended."
        return TakenUp(stay if count else "", is_known_to_work=works)
    said = " ".join(filter(None, [_CHANGED if is_new else "", _done_again(done)]))
    return TakenUp(said, DoneIntervals(IntervalTable.of(again)), works)


def _done_again(done: Requeued) -> str:
    errors, videos = plural(done.losses, "error"), plural(done.videos, "video")
    return f"Done again: {errors} in {videos}, recorded by earlier runs." if done.losses else ""


def _other_code(error: OutputBusyError) -> OutputBusyError:
    """Return the error that a run with changed code cannot join the one that is at work."""
    return OutputBusyError(
        f"{error.message} The job's code has changed, and that run works by the earlier one.",
        "Run this again once it has ended.",
    )


def _is_new(target: JobTarget) -> bool:
    """Return whether the job's code is another than those that the output was made by."""
    table, job = target.table, target.identity.record
    return job.digest != table.job.digest and not has_taken_on(table.folder, job)


def _check_something_to_do(target: JobTarget, retry: Retry, count: int) -> None:
    """Raise OutputTakenError where changed code has nothing to do in an output."""
    table = target.table
    if not count and table.state().closed:
        message = another_job(table.folder, table.job, target.identity.record).message
        raise OutputTakenError(
            f"{message} All is done there, and nothing is lost that {retry.value} would do again.",
            "To do all again by the code as it is now, use another --output.",
        )


def _check_columns(target: JobTarget) -> None:
    """Raise OutputTakenError where changed code has other columns than an output."""
    for name, schema in target.schemas.items():
        there = read_schema(target.table.folder, name)
        before = [column for column in there if column.name not in LATER]
        now = [column for column in schema if column.name not in LATER]
        if before != now:
            differ = {column.name for column in {*now} ^ {*before}}
            listed = ", ".join(sorted(differ)) or "their order"
            raise OutputTakenError(
                f"The job's code has changed, and with it the columns of {name}: {listed}.",
                "Rows with other columns go to another --output.",
            )
