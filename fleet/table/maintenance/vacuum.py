"""Clearing an output folder of what does not count: torn leases, old versions, double cover."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.interval_set import IntervalTable
from fleet.core.spans import NO_SPANS, Spans, subtract, union
from fleet.errors import OutputCorruptError
from fleet.storage import Folder
from fleet.table.commits.checkpoint import is_checkpoint
from fleet.table.commits.record import JobRecord, is_unfinished_put, lease_of, part_name
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.exchange import Exchange, exchange, objects_of, rewrite_unit
from fleet.table.maintenance.replace import PAUSE_S, delete, next_number, recover, switch
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.lock import LockGuard
from fleet.table.state.state import TableState, read_state
from fleet.table.state.success_marker import unfinish
from fleet.table.state.video_manifest import Seconds


@dataclass(frozen=True)
class VacuumOptions:
    """How a folder is swept.

    `versions`: uri -> etag of the videos as they are now; what was made of others goes. `seconds`:
    see `fleet.table.maintenance.rewrite`. `pause_s`: see `fleet.table.maintenance.replace`.
    """

    versions: Mapping[str, str] | None = None
    seconds: Seconds | None = None
    pause_s: float = PAUSE_S


def vacuum(
    folder: Folder, job: JobRecord, guard: LockGuard, how: VacuumOptions | None = None
) -> TableState:
    """Delete every part that does not count, and give what stands.

    Gone are parts of leases that were not committed, rows of another version of a video, and rows
    over a stretch that another lease covers, as a worker that was given up for dead may commit
    late; the rest of such a lease stays. Of each lease, the commit goes first. `guard`: of the lock
    REWRITE; not for a folder where workers of another run still put parts. Raises
    OutputCorruptError where a part is of another job.
    """
    how = how or VacuumOptions()
    state = read_state(folder, job.tables)
    _check_job(folder, job, state)
    kept = _kept(state.covered, how.versions or {})
    changed = _changed(state.covered, kept, len(state))
    stray = _stray(state, job)
    if len(changed) or stray:
        # What vouches for the rows must not outlive them.
        unfinish(folder)
    recover(folder, job, state)
    delete(folder, stray)
    if len(changed):
        remove(folder, job, state, kept, changed, guard, how)
        state = read_state(folder, job.tables)
    return state


def _check_job(folder: Folder, job: JobRecord, state: TableState) -> None:
    jobs = state.records["job"]
    if jobs.unique().to_pylist() in ([], [job.digest]):
        return
    row = next(n for n, digest in enumerate(jobs.to_pylist()) if digest != job.digest)
    raise OutputCorruptError(
        f"{folder.uri}/{FRAMES_TABLE}/{part_name(state.leases[row])} is of another job, "
        f"{jobs[row].as_py()[:12]}, not {job.digest[:12]}.",
        "Delete this object and run the same command again.",
    )


def _stray(state: TableState, job: JobRecord) -> list[str]:
    """Name the parts of leases that were never committed, and what broken local puts left."""
    folders = set(job.tables)
    return [
        name
        for name in state.sizes
        if name not in state.objects
        and name.partition("/")[0] in folders
        and (lease_of(name) or is_unfinished_put(name))
    ]


def _kept(covered: Covered, versions: Mapping[str, str]) -> Covered:
    """What is to stay: of the present version of each video, each stretch once."""
    intervals = covered.intervals
    current = np.array([versions.get(uri, etag) == etag for uri, etag in intervals.versions], bool)
    fresh = current[intervals.version] if len(intervals) else np.zeros(0, np.bool_)
    return _once(Covered(intervals.take(fresh), covered.lease[fresh]))


def _once(covered: Covered) -> Covered:
    """Leave out what an earlier lease covers, whatever version of the video it was read from."""
    video = _videos(covered.intervals)
    among = shared_videos(covered.intervals)
    if not among.any():
        return covered
    columns: list[tuple[int, int, int, int]] = []
    taken: dict[int, Spans] = {}
    for row in np.flatnonzero(among).tolist():
        span = np.array([[covered.intervals.starts[row], covered.intervals.ends[row]]], np.int64)
        before = taken.get(int(video[row]), NO_SPANS)
        for start, end in subtract(span, before).tolist():
            columns.append((int(covered.intervals.version[row]), start, end, row))
        taken[int(video[row])] = union(*np.concatenate((before, span)).T)
    version, starts, ends, rows = np.array(columns, np.int64).reshape(-1, 4).T
    alone = covered.intervals.take(~among)
    table = IntervalTable(
        covered.intervals.versions,
        np.concatenate((alone.version, version)),
        np.concatenate((alone.starts, starts)),
        np.concatenate((alone.ends, ends)),
    )
    return Covered(table, np.concatenate((covered.lease[~among], covered.lease[rows])))


def shared_videos(intervals: IntervalTable) -> NDArray[np.bool_]:
    """Mark the intervals of videos of which some stretch is covered twice, in any versions."""
    video = _videos(intervals)
    as_one = IntervalTable((), video, intervals.starts, intervals.ends)
    return np.isin(video, video[as_one.overlaps()])


def _videos(intervals: IntervalTable) -> NDArray[np.int64]:
    """Number the video of each interval, one number for all its versions."""
    numbers: dict[str, int] = {}
    of_version = [numbers.setdefault(uri, len(numbers)) for uri, _ in intervals.versions]
    return np.array(of_version, np.int64)[intervals.version]


def _changed(before: Covered, kept: Covered, leases: int) -> NDArray[np.int64]:
    """List the leases of which not all is kept."""

    def ticks(covered: Covered) -> NDArray[np.float64]:
        lengths = covered.intervals.ends.astype(np.float64) - covered.intervals.starts
        return np.bincount(covered.lease, lengths, minlength=leases).astype(np.float64)

    return np.flatnonzero(ticks(kept) < ticks(before))


def remove(
    folder: Folder,
    job: JobRecord,
    state: TableState,
    kept: Covered,
    changed: Collection[int] | NDArray[np.int64],
    guard: LockGuard,
    how: VacuumOptions,
) -> None:
    """Take from the folder what `kept` leaves out of the `changed` leases (rows of `state`)."""
    units = {tuple(rewrite_unit(state, int(lease)).tolist()) for lease in changed}
    left = np.zeros(len(state), np.bool_)
    left[kept.lease] = True
    empty = [unit for unit in units if not left[list(unit)].any()]
    guard.check()
    # What is done again under its old name may look like what they tell of.
    delete(folder, filter(is_checkpoint, state.sizes))
    if empty:
        delete(folder, objects_of(state, np.array([row for unit in empty for row in unit])))

    def exchanges() -> Iterator[Exchange]:
        for unit in sorted(units.difference(empty)):
            yield exchange(folder, state, np.array(unit), kept, how.seconds or {})

    if units.difference(empty):
        switch(folder, job, next_number(state), exchanges(), guard, how.pause_s)
