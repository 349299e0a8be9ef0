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

from fleet.table.commits.manifest import Manifest
from fleet.table.commits.record_rows import own_objects
from fleet.table.maintenance.close import check_there, checkpoint
from fleet.table.maintenance.exchange import exchange, packs_in, rewrite_unit
from fleet.table.maintenance.garbage import collect, has_undecided
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.maintenance.selection import shared_videos
from fleet.table.state.state import UNPACKED, TableState
from fleet.table.state.success_marker import put_success, remove_success

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
    rewriting: Rewriting,
    target_bytes: int = TARGET_BYTES,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Compacted:
    """Bring parts together until those of the largest table have about `target_bytes`.

    `on_progress` is told how many of how many new parts are there. Needs the memory of some target
    sizes. Raises OutputCorruptError where something is damaged or missing, before it is touched;
    SupersededError where another process changed the output meanwhile: what was done by then stays.
    """
    folder, job = rewriting.folder, rewriting.job
    state = rewriting.state()
    check_there(folder, state, ())
    groups = list(_groups(state, target_bytes))
    manifest = state.manifest
    for number, rows in enumerate(groups):
        on_progress(number, len(groups))
        if state.closed:
            remove_success(folder)
        made = exchange(folder, state, rows, state.covered, {})
        manifest = rewriting.publish(
            _without(state, manifest, rows, job.digest, rewriting.what), [made]
        )
    after = rewriting.state() if groups else state
    if after.manifest.number and has_undecided(after):
        nothing = np.zeros(0, np.int64)
        rewriting.publish(_without(after, after.manifest, nothing, job.digest, rewriting.what))
        after = rewriting.state()
    if after.manifest.number:
        # One that was killed behind its manifest has published nothing.
        rewriting.publish_again()
        collect(folder, job.tables, after)
    checkpoint(folder, after)
    if after.closed:
        put_success(folder, job, after)
    old, new = _data(state), _data(after)
    leases = sum(map(len, groups))
    return Compacted(len(old), len(new), sum(old.values()), sum(new.values()), leases)


def _without(
    state: TableState, manifest: Manifest, rows: NDArray[np.int64], job: str, what: str
) -> Manifest:
    """Return the manifest after `manifest`, less what is moved; the epoch goes on."""
    number = max(state.last_number, manifest.number) + 1
    moved = {state.leases[row] for row in rows.tolist()}
    replaced = {state.packs[pack].name for pack in packs_in(state, rows)}
    if manifest.number:
        packs, leases, epoch = manifest.packs, manifest.leases, manifest.epoch
    else:
        # The first manifest of an output that version 0.1 has written.
        packs, epoch = tuple(pack.name for pack in state.packs), number
        leases = {state.leases[row] for row in state.unpacked.tolist()}
    return Manifest(
        number=number,
        epoch=epoch,
        job=job,
        packs=tuple(pack for pack in packs if pack not in replaced),
        leases=frozenset(leases - moved),
        closed=state.closed,
        why=what,
    )


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
    own = _sizes_of_leases(state)
    seen: set[int] = set()
    uris = np.array([uri for uri, _ in covered.intervals.versions], object)
    order = np.lexsort((covered.intervals.starts, _ranks(uris)[covered.intervals.version]))
    for lease in covered.lease[order].tolist():
        if lease in seen:
            continue
        unit = rewrite_unit(state, lease)
        seen.update(unit.tolist())
        pack = int(state.pack_of_lease[lease])
        is_pack = pack != UNPACKED
        sizes = _sizes_of_pack(state, pack) if is_pack else own[lease]
        if double[unit].any() or (is_pack and max(sizes.values()) >= _ENOUGH * target_bytes):
            continue
        yield unit, sizes


def _ranks(strings: NDArray[np.object_]) -> NDArray[np.int64]:
    ranks = np.empty(len(strings), np.int64)
    ranks[np.argsort(strings, kind="stable")] = np.arange(len(strings))
    return ranks


def _sizes_of_leases(state: TableState) -> list[dict[str, int]]:
    """Return the bytes by table of the parts that each lease has of its own."""
    several: list[dict[str, int]] = []
    for _, objects in own_objects(state.records):
        sizes: dict[str, int] = {}
        for name, size in objects:
            table = name.split("/", 1)[0]
            sizes[table] = sizes.get(table, 0) + size
        several.append(sizes)
    return several


def _sizes_of_pack(state: TableState, pack: int) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for part in state.packs[pack].parts:
        if not part.table.startswith("_"):
            sizes[part.table] = sizes.get(part.table, 0) + part.bytes
    return sizes
