"""Closing an output folder."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fleet.errors import OutputCorrupt
from fleet.output.arrays import numbers
from fleet.output.lock import REWRITE, held
from fleet.output.record import JobRecord
from fleet.output.snapshot import WORTH_IT, fold_snapshots, is_snapshot
from fleet.output.standing import OWN_PARTS, Standing
from fleet.output.success import put_success
from fleet.output.sweep import Sweep, sweep
from fleet.plan.spans import covers
from fleet.storage import Folder
from fleet.worker.receipt import Receipt, Tally

WAIT_S = 600.0
"""For `fleet compact` to end an exchange of parts, or for its hold to expire."""


def finish(
    folder: Folder, job: JobRecord, receipts: Iterable[Receipt], how: Sweep | None = None
) -> Tally:
    """Close the folder: sweep it, put `_SUCCESS.json`, and give the totals over all that is there.

    `receipts`: of leases that the caller knows to be committed. Raises OutputCorrupt where not all
    that they cover is there: closing over a hole would be a lie.
    """
    with held(folder, REWRITE, "fleet run", job.digest, WAIT_S) as hold:
        standing = sweep(folder, job, hold, how)
        _check_there(folder, standing, receipts)
        remember(folder, standing)
        put_success(folder, job, standing)
    return standing.total


def remember(folder: Folder, standing: Standing) -> None:
    """Put the records of leases with their own parts into one snapshot, where that is worth it."""
    own = np.flatnonzero(standing.home == OWN_PARTS)
    snapshots = [name for name in standing.sizes if is_snapshot(name)]
    fresh = len(own) - standing.remembered
    if fresh >= WORTH_IT or len(snapshots) > 1 or (snapshots and not len(own)):
        fold_snapshots(folder, standing.records.take(numbers(own)), snapshots)


def _check_there(folder: Folder, standing: Standing, receipts: Iterable[Receipt]) -> None:
    done = standing.done
    for receipt in receipts:
        for interval in receipt.intervals:
            spans = done.spans(interval.uri, interval.etag)
            starts, ends = np.array([[interval.start_pts], [interval.end_pts]])
            if not covers(spans, starts, ends).all():
                name = f"{receipt.parts[-1].table}/{receipt.parts[-1].name}"
                raise OutputCorrupt(
                    f"{folder.uri}/{name} was committed, but it or what it names is not there as "
                    "it was put.",
                    "Run the same command again: what it held is done again.",
                )
