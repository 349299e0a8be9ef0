"""The leases of an output that have parts under their own names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.errors import TornPartError
from fleet.parquet.arrays import booleans
from fleet.storage import Entry, Folder
from fleet.table.commits.checkpoint import read_checkpoints
from fleet.table.commits.commit import read_commit
from fleet.table.commits.footer import read_side_by_side
from fleet.table.commits.manifest import Manifest
from fleet.table.commits.record import CommitRecord, lease_of, part_name
from fleet.table.commits.record_rows import own_objects
from fleet.table.commits.record_table import to_table
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.objects import Objects

_AT_ONCE = 1024
"""So many records are turned into columns at a time: as columns they take a tenth of the room."""


@dataclass(frozen=True, eq=False)
class OwnLeases:
    """Committed leases that no pack holds."""

    records: pa.Table
    checkpointed: int
    """How many of them a checkpoint told of."""
    lost: tuple[str, ...]
    """Leases that the manifest lists, and of which not all is there."""


def read_own_leases(
    folder: Folder,
    objects: Objects,
    manifest: Manifest,
    asked: AbstractSet[str],
    superseded: AbstractSet[str],
    closed: AbstractSet[str] | None,
) -> OwnLeases:
    """Return the leases that count, are committed, and are in no pack.

    `asked`: leases that count, and are asked for by name where the listing does not show them.
    `closed`: where there is no manifest, the leases that a closed output holds.
    """
    listed = {
        lease: entry
        for entry in objects.frames
        if (lease := lease_of(entry.name)) and entry.name.endswith(part_name(lease))
    }
    wanted = {lease for lease in listed if manifest.counts(lease)} | asked
    wanted = (wanted if closed is None else wanted & closed) - superseded
    frames = {lease: _entry(objects, listed, lease) for lease in sorted(wanted)}
    there = {lease: entry for lease, entry in frames.items() if entry is not None}
    sizes = {lease: entry.bytes for lease, entry in there.items()}
    known = read_checkpoints(folder, objects.listed, sizes)
    told = set(known["lease"].to_pylist())
    unknown = sorted((e for lease, e in there.items() if lease not in told), key=lambda e: e.name)
    fresh = _read(folder, unknown)
    known_whole = known.filter(booleans(_whole(known, objects)))
    fresh_whole = [table.filter(booleans(_whole(table, objects))) for table in fresh]
    records = pa.concat_tables([known_whole, *fresh_whole])
    lost = sorted((set(manifest.leases) - superseded).difference(records["lease"].to_pylist()))
    return OwnLeases(records, len(known_whole), tuple(lost))


def _entry(objects: Objects, listed: dict[str, Entry], lease: str) -> Entry | None:
    return listed.get(lease) or objects.find(f"{FRAMES_TABLE}/{part_name(lease)}")


def _read(folder: Folder, entries: Sequence[Entry]) -> Iterable[pa.Table]:
    """Read the records in footers; parts that are gone or torn were never committed."""
    return [
        to_table(list(read_side_by_side(folder, entries[start : start + _AT_ONCE], _sound)))
        for start in range(0, len(entries), _AT_ONCE)
    ]


def _sound(folder: Folder, entry: Entry) -> CommitRecord | None:
    try:
        return read_commit(folder, entry)
    except TornPartError:
        return None


def _whole(records: pa.Table, objects: Objects) -> NDArray[np.bool_]:
    """Mark the leases whose parts are all there as they were put: bool [leases]."""
    return np.array(
        [
            all(objects.has(name, size) for name, size in siblings[:-1])
            for _, siblings in own_objects(records)
        ],
        np.bool_,
    )
