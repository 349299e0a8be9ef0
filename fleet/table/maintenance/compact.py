"""Few large parts in the place of many small ones.

What a reader sees meanwhile: `fleet.read` sees each row once, always. A plain glob such as
`detections/*.parquet` sees each row once, or fails naming `switching-read-again-soon.parquet`; that
takes some seconds for each new part. A job may go on meanwhile: only what is committed is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.maintenance.close import WAIT_S, checkpoint
from fleet.table.maintenance.exchange import exchange, objects_of, rewrite_unit
from fleet.table.maintenance.replace import PAUSE_S, next_number, recover, switch
from fleet.table.maintenance.vacuum import VacuumOptions, shared_videos, vacuum
from fleet.table.state.lock import REWRITE_LOCK, LockGuard, locked
from fleet.table.state.state import UNPACKED, TableState, read_state
from fleet.table.state.success_marker import is_finished, put_success

TARGET_BYTES = 128 * 1000 * 1000
"""What one part of the largest table is to have: less is slow to open, more is slow to skip."""
_ENOUGH = 0.5
"""A pack of this share of the target is left alone."""


@dataclass(frozen=True)
class Compacted:
    """What compaction came to: data objects and their bytes before and after; leases that moved."""

    objects_before: int
    objects_after: int
    bytes_before: int
    bytes_after: int
    leases: int


def compact(
    folder: Folder,
    job: JobRecord,
    target_bytes: int = TARGET_BYTES,
    pause_s: float = PAUSE_S,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Compacted:
    """Bring parts together until those of the largest table have about `target_bytes`.

    `on_progress` is told how many of how many new parts are there. `pause_s`: see `replace`.
    Needs the memory of some target sizes. What is interrupted is put right by the next run of this
    or of the job. Raises OutputBusyError where another one is at it for too long.
    """
    with locked(folder, REWRITE_LOCK, "fleet compact", job.digest, WAIT_S) as guard:
        closed = is_finished(folder)
        state = _settled(folder, job, guard, pause_s, closed=closed)
        groups = list(_groups(state, target_bytes))
        number = next_number(state)
        for done, rows in enumerate(groups):
            on_progress(done, len(groups))
            made = exchange(folder, state, rows, state.covered, {})
            number = switch(folder, job, number, [made], guard, pause_s)
        after = read_state(folder, job.tables) if groups else state
        checkpoint(folder, after)
        if closed and (groups or not is_finished(folder)):
            put_success(folder, job, after)
    old, new = _data(state), _data(after)
    leases = sum(map(len, groups))
    return Compacted(len(old), len(new), sum(old.values()), sum(new.values()), leases)


def _settled(
    folder: Folder, job: JobRecord, guard: LockGuard, pause_s: float, *, closed: bool
) -> TableState:
    """Put right what was interrupted; in a closed folder, nothing that came late is taken along."""
    if closed:
        return vacuum(folder, job, guard, VacuumOptions(pause_s=pause_s))
    state = read_state(folder, job.tables)
    recover(folder, job, state)
    return state


def _data(state: TableState) -> dict[str, int]:
    """The objects that stand and hold rows, and their bytes."""
    return {name: state.sizes[name] for name in state.objects if not name.startswith("_")}


def _groups(state: TableState, target_bytes: int) -> Iterator[NDArray[np.int64]]:
    """Choose which leases are to share a part: neighbours, so that a part covers few videos."""
    group: list[NDArray[np.int64]] = []
    sums: dict[str, int] = {}
    for unit, sizes in _units(state, target_bytes):
        group.append(unit)
        for table, size in sizes.items():
            sums[table] = sums.get(table, 0) + size
        if max(sums.values()) >= target_bytes:
            if len(group) > 1:
                yield np.concatenate(group)
            group, sums = [], {}
    if len(group) > 1:
        yield np.concatenate(group)


def _units(
    state: TableState, target_bytes: int
) -> Iterator[tuple[NDArray[np.int64], dict[str, int]]]:
    """Yield what can be moved, in the order of videos and time, with its bytes by table."""
    covered = state.covered
    double = np.zeros(len(state), np.bool_)
    # Leases that cover a stretch twice wait for the job, which sweeps them.
    double[covered.lease[shared_videos(covered.intervals)]] = True
    seen: set[int] = set()
    uris = np.array([uri for uri, _ in covered.intervals.versions], object)
    order = np.lexsort((covered.intervals.starts, _ranks(uris)[covered.intervals.version]))
    for lease in covered.lease[order].tolist():
        if lease in seen:
            continue
        unit = rewrite_unit(state, lease)
        seen.update(unit.tolist())
        sizes = _sizes(state, unit)
        is_pack = state.pack_of_lease[lease] != UNPACKED
        if double[unit].any() or (is_pack and max(sizes.values()) >= _ENOUGH * target_bytes):
            continue
        yield unit, sizes


def _ranks(strings: NDArray[np.object_]) -> NDArray[np.int64]:
    ranks = np.empty(len(strings), np.int64)
    ranks[np.argsort(strings, kind="stable")] = np.arange(len(strings))
    return ranks


def _sizes(state: TableState, unit: NDArray[np.int64]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name in objects_of(state, unit):
        table = name.partition("/")[0]
        if not table.startswith("_"):
            sizes[table] = sizes.get(table, 0) + state.sizes[name]
    return sizes
