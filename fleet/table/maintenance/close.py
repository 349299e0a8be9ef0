"""Closing an output folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from fleet.core.interval import Interval
from fleet.core.receipt import Tally
from fleet.core.spans import covers
from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import numbers
from fleet.storage import Folder
from fleet.table.commits.checkpoint import WORTH_IT, is_checkpoint, merge_checkpoints
from fleet.table.commits.record import JobRecord
from fleet.table.maintenance.vacuum import VacuumOptions, vacuum
from fleet.table.state.lock import REWRITE_LOCK, locked
from fleet.table.state.state import UNPACKED, TableState
from fleet.table.state.success_marker import put_success

WAIT_S = 600.0
"""For `fleet compact` to end an exchange of parts, or for its hold to expire."""


class Covering(Protocol):
    """Something that says what it covers: a lease, a receipt."""

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """What it covers."""


def finish(
    folder: Folder, job: JobRecord, committed: Iterable[Covering], how: VacuumOptions | None = None
) -> Tally:
    """Close the folder: sweep it, put `_SUCCESS.json`, and give the totals over all that is there.

    `committed`: what the caller knows to be committed. Raises OutputCorruptError where not all that
    it covers is there: closing over a hole would be a lie.
    """
    with locked(folder, REWRITE_LOCK, "fleet run", job.digest, WAIT_S) as guard:
        state = vacuum(folder, job, guard, how)
        _check_there(folder, state, committed)
        checkpoint(folder, state)
        put_success(folder, job, state)
    return state.total


def checkpoint(folder: Folder, state: TableState) -> None:
    """Put the records of leases with their own parts into one snapshot, where that is worth it."""
    own = np.flatnonzero(state.pack_of_lease == UNPACKED)
    snapshots = [name for name in state.sizes if is_checkpoint(name)]
    fresh = len(own) - state.checkpointed
    if fresh >= WORTH_IT or len(snapshots) > 1 or (snapshots and not len(own)):
        merge_checkpoints(folder, state.records.take(numbers(own)), snapshots)


def _check_there(folder: Folder, state: TableState, committed: Iterable[Covering]) -> None:
    done = state.done
    for each in committed:
        for interval in each.intervals:
            spans = done.spans(interval.uri, interval.etag)
            starts, ends = np.array([[interval.start_pts], [interval.end_pts]])
            if not covers(spans, starts, ends).all():
                raise OutputCorruptError(
                    f"{folder.uri}: rows of {interval.uri} were committed, but their part, or what "
                    "it names, is not there as it was put.",
                    "Run the same command again: what it held is done again.",
                )
