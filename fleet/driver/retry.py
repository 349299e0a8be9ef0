"""Take up what earlier runs recorded as lost, where somebody asks for it: --retry-failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from fleet.core.fault import JOB_STAGES
from fleet.core.format import plural
from fleet.core.loss import Loss
from fleet.driver.target.target import JobTarget
from fleet.errors import OutputBusyError, OutputTakenError
from fleet.index_cache.store import IndexStore
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.parts.schema import LATER
from fleet.table.state.ownership import another_job, read_schema
from fleet.table.state.read import read_losses
from fleet.table.state.taken_on import has_taken_on, take_on


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


def take_up_lost(target: JobTarget, retry: Retry, *, join: bool) -> str:
    """Have what earlier runs lost done again by whichever run is next; return what to say.

    The losses go in one manifest, and with them the GOPs that they lie in. From then on these are
    to do, as if no run had come to them: a run that dies leaves them so. Where the job's code is
    another than before, the output takes it on.

    Raises OutputTakenError where the code is another, and has nothing to do or other columns;
    StorageRefusedError where nothing can be taken out of the output; OutputBusyError where another
    run is at work, unless this one is to `join` it.
    """
    if retry is Retry.NOTHING:
        return ""
    table = target.table
    asked = _Retried(whatever=retry is Retry.LOST)
    count = sum(asked.means(loss) for loss in read_losses(table.tables().errors))
    if count:
        table.need_conditional(f"`{retry.value}`")
    code = _take_on(target, retry, count)
    if not count:
        return code
    try:
        done = table.requeue(asked, IndexStore(target.index_folder), f"fleet run {retry.value}")
    except OutputBusyError:
        if not join:
            raise
        lost = f"{plural(count, 'error')} of earlier runs"
        return f"{code}{lost} stay: another run is at work. Run this again once it has ended."
    errors, videos = plural(done.losses, "error"), plural(done.videos, "video")
    return f"{code}Done again: {errors} in {videos}, recorded by earlier runs."


def _take_on(target: JobTarget, retry: Retry, count: int) -> str:
    """Have the output take on the job's code where that is another; return what to say of it."""
    table, job = target.table, target.identity.record
    if job.digest == table.job.digest or has_taken_on(table.folder, job):
        return ""
    if not count and table.state().closed:
        message = another_job(table.folder, table.job, job).message
        raise OutputTakenError(
            f"{message} All is done there, and nothing is lost that {retry.value} would do again.",
            "To do all again by the code as it is now, use another --output.",
        )
    for name, schema in target.schemas.items():
        before = [field for field in read_schema(table.folder, name) if field.name not in LATER]
        now = [field for field in schema if field.name not in LATER]
        if before != now:
            differ = {field.name for field in {*now} ^ {*before}}
            listed = ", ".join(sorted(differ)) or "their order"
            raise OutputTakenError(
                f"The job's code has changed, and with it the columns of {name}: {listed}.",
                "Rows with other columns go to another --output.",
            )
    take_on(table.folder, job)
    return "The job's code has changed: what is there stays as the earlier code made it. "
