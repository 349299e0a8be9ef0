"""Closing an output: everything that was wanted is there, and no later commit counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fleet.core.interval import Interval
from fleet.core.receipt import Tally
from fleet.errors import JobFailedError, OutputCorruptError
from fleet.parquet.arrays import numbers
from fleet.storage import Folder
from fleet.table.commits.checkpoint import WORTH_IT, is_checkpoint, merge_checkpoints
from fleet.table.commits.record import JobRecord
from fleet.table.maintenance.garbage import collect, delete, has_undecided, uncommitted
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.maintenance.vacuum import check_job, next_manifest
from fleet.table.state.state import TableState
from fleet.table.state.success_marker import put_success
from fleet.table.state.video_progress import put_video_table


class Covering(Protocol):
    """Something that says what is committed under a lease's name, such as a receipt."""

    @property
    def lease(self) -> str:
        """Return the lease's name."""

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Return what it covers."""


@dataclass(frozen=True)
class Committed:
    """What is known to be committed under a lease's name."""

    lease: str
    intervals: tuple[Interval, ...]


def close(
    rewriting: Rewriting, committed: Iterable[Covering], epoch: int, wanted: Iterable[Interval]
) -> Tally:
    """Close the output: put the last manifest of the epoch and `_SUCCESS.json`; return the totals.

    `committed`: what the caller knows to be committed. `wanted`: all that is to be there. Raises
    JobFailedError where another run has taken the output over, or something was taken out of it;
    OutputCorruptError where not all that is committed is there: closing over a hole would be a lie.
    """
    folder, job = rewriting.folder, rewriting.job
    several = tuple(committed)
    state = rewriting.state([each.lease for each in several])
    check_job(folder, job, state)
    # Another run of the epoch may just have closed it, over the same.
    if not (state.closed and _first_missing(state, several) is None):
        check_epoch(folder, state, epoch)
    check_there(folder, state, several)
    check_whole(folder, state, wanted)
    if not state.closed or has_undecided(state):
        manifest = next_manifest(rewriting, state, np.zeros(0, np.int64), closed=True)
        state = state.under(rewriting.publish(manifest))
    else:
        # One that was killed behind its manifest has published nothing.
        rewriting.publish_again()
    collect(folder, job.tables, state)
    checkpoint(folder, state)
    put_video_table(folder, job, state)
    put_success(folder, job, state)
    return state.total


def close_alone(
    folder: Folder,
    job: JobRecord,
    state: TableState,
    committed: Iterable[Covering],
    wanted: Iterable[Interval],
) -> Tally:
    """Close an output in a store without conditional puts, where no other run is at work."""
    check_job(folder, job, state)
    check_there(folder, state, committed)
    check_whole(folder, state, wanted)
    put_video_table(folder, job, state, conditional=False)
    put_success(folder, job, state)
    delete(folder, uncommitted(state, job.tables))
    return state.total


def check_epoch(folder: Folder, state: TableState, epoch: int) -> None:
    """Raise JobFailedError where the output is of another epoch by now."""
    if state.manifest.epoch != epoch:
        raise JobFailedError(
            f"{folder.uri} was taken over: what it holds was changed by {state.manifest.why}.",
            "This process had not been heard of for too long; it stops.",
        )


def check_there(folder: Folder, state: TableState, committed: Iterable[Covering]) -> None:
    """Raise OutputCorruptError where something that was committed is not there."""
    if state.lost:
        raise OutputCorruptError(
            f"{folder.uri}: {state.lost[0]} was committed, and is not there as it was put.",
            "Run the job's command again: what it held is done again.",
        )
    missing = _first_missing(state, committed)
    if missing is not None:
        raise OutputCorruptError(
            f"{folder.uri}: rows of {missing.uri} were committed, but their part, or what it "
            "names, is not there as it was put.",
            "Run the same command again: what it held is done again.",
        )


def check_whole(folder: Folder, state: TableState, wanted: Iterable[Interval]) -> None:
    """Raise JobFailedError where something that is wanted is not done."""
    done = state.done
    missing = next((interval for interval in wanted if not done.has(interval)), None)
    if missing is not None:
        raise JobFailedError(
            f"{folder.uri}: not all of {missing.uri} is done, though it was before.",
            "Run the same command again.",
        )


def _first_missing(state: TableState, committed: Iterable[Covering]) -> Interval | None:
    done = state.done
    intervals = (interval for each in committed for interval in each.intervals)
    return next((interval for interval in intervals if not done.has(interval)), None)


def checkpoint(folder: Folder, state: TableState) -> None:
    """Put the records of leases with their own parts into one checkpoint, if that is worth it."""
    own = state.unpacked
    checkpoints = [name for name in state.sizes if is_checkpoint(name)]
    fresh = len(own) - state.checkpointed
    if fresh >= WORTH_IT or len(checkpoints) > 1 or (checkpoints and not len(own)):
        merge_checkpoints(folder, state.records.take(numbers(own)), checkpoints)
