"""What an output folder holds for sure: its committed leases, wherever their rows lie.

The parts of a lease stand when its frames part is there with all that it names; likewise a pack.
What a pack holds or replaces no longer stands by itself. So whatever is put or deleted meanwhile,
each lease is seen once: in its own parts, or in the pack that took them in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.interval_set import DoneIntervals
from fleet.core.receipt import Tally
from fleet.errors import StorageError, TornPartError
from fleet.parquet.arrays import booleans
from fleet.storage import Entry, Folder
from fleet.table.commits.checkpoint import read_checkpoints
from fleet.table.commits.commit import read_commit
from fleet.table.commits.footer import read_side_by_side
from fleet.table.commits.pack import (
    DONE_FOLDER,
    PackRecord,
    PackRecords,
    pack_of,
    pack_part_name,
    read_pack,
    read_pack_records,
)
from fleet.table.commits.record import lease_of, part_name
from fleet.table.commits.record_table import SCHEMA, Covered, covered, names_of, to_table, total
from fleet.table.parts.schema import FRAMES_TABLE

T = TypeVar("T")
_TRIES = 5
_AT_ONCE = 1024
UNPACKED = -1


@dataclass(frozen=True, eq=False)
class TableState:
    """What stands in an output folder: a row a lease.

    `records`: see `record_table`. `packs`: those that stand. `pack_of_lease`: int64 [leases], the
    position in `packs` of the one that holds the lease, or UNPACKED. `sizes`: bytes of every
    object in the tables' folders and in `_done/`, whether it stands or not. `superseded`: leases
    and packs that a pack holds or replaces. `inherited`: for each pack, the packs that it replaces.
    `checkpointed`: how many leases with parts of their own were found in
    snapshots, so that their footers were not read.
    """

    records: pa.Table
    packs: tuple[PackRecord, ...]
    pack_of_lease: NDArray[np.int64]
    sizes: Mapping[str, int]
    superseded: AbstractSet[str] = frozenset()
    inherited: tuple[AbstractSet[str], ...] = ()
    checkpointed: int = 0

    def __len__(self) -> int:
        return len(self.pack_of_lease)

    def __repr__(self) -> str:
        return f"Standing({len(self):,} leases, {len(self.packs)} packs)"

    @cached_property
    def leases(self) -> list[str]:
        """Their names, row by row."""
        return list(self.records["lease"].to_pylist())

    @cached_property
    def covered(self) -> Covered:
        """What each lease covers."""
        return covered(self.records)

    @property
    def done(self) -> DoneIntervals:
        """What all of them cover, merged."""
        return DoneIntervals(self.covered.intervals)

    @cached_property
    def total(self) -> Tally:
        """Their tallies, added up."""
        return total(self.records)

    @cached_property
    def objects(self) -> set[str]:
        """The names of the objects that stand."""
        names = {name for pack in self.packs for name in pack.objects}
        own = booleans(self.pack_of_lease == UNPACKED)
        for lease, tables in own_parts(self.records.filter(own)):
            names.update(f"{table}/{part_name(lease)}" for table, _ in tables)
        return names


def own_parts(records: pa.Table) -> Iterable[tuple[str, Sequence[tuple[str, int]]]]:
    """Yield each lease with the table and bytes of each of its parts."""
    lists = records["parts"].combine_chunks()
    flat = lists.flatten()
    pairs = list(zip(flat.field("table").to_pylist(), flat.field("bytes").to_pylist(), strict=True))
    ends = np.cumsum(lists.value_lengths().to_numpy(zero_copy_only=False)).tolist()
    start = 0
    for lease, end in zip(records["lease"].to_pylist(), ends, strict=True):
        yield lease, pairs[start:end]
        start = end


def read_state(folder: Folder, tables: Sequence[str]) -> TableState:
    """Find out what stands in the folder of a job with these tables (see JobRecord.tables).

    Reads listings, a record a pack, snapshots, and the footers of what no snapshot tells of.
    Raises OutputCorruptError where a record cannot be read.
    """
    for _ in range(_TRIES):
        state = _read(folder, list_parts(folder, tables))
        if state is not None:
            return state
    raise StorageError(f"{folder.uri} changes faster than it can be read.", "Try again later.")


def list_parts(folder: Folder, tables: Sequence[str]) -> dict[str, Entry]:
    """List all objects of the tables and of `_done/` by name, frames first.

    Frames parts are put last and deleted first: what one of them names is there while it is.
    """
    folders = [*reversed(tables), DONE_FOLDER]
    return {entry.name: entry for table in folders for entry in folder.list(f"{table}/")}


def _read(folder: Folder, listed: Mapping[str, Entry]) -> TableState | None:
    """Make sense of a listing; None where it changed while it was read."""
    sizes = {name: entry.bytes for name, entry in listed.items()}
    frames = [entry for name, entry in listed.items() if name.startswith(f"{FRAMES_TABLE}/")]
    try:
        packs, held, gone = _read_packs(folder, frames, sizes)
        own = {lease: e for e in frames if (lease := lease_of(e.name)) and lease not in gone}
        frames_bytes = {lease: entry.bytes for lease, entry in own.items()}
        checkpointed = read_checkpoints(folder, listed, frames_bytes)
    except FileNotFoundError:
        return None
    checkpointed = checkpointed.filter(booleans(_whole(checkpointed, sizes)[0]))
    known = set(checkpointed["lease"].to_pylist())
    unknown = sorted((e for lease, e in own.items() if lease not in known), key=lambda e: e.name)
    fresh, gone_since = _read_own(folder, unknown)
    singles = pa.concat_tables([checkpointed, *fresh])
    whole, lacking = _whole(singles, sizes)
    if gone_since or _any_gone(folder, lacking):
        return None
    tables = [found.leases for found in held]
    pack_of_lease = [np.full(len(table), place, np.int64) for place, table in enumerate(tables)]
    pack_of_lease.append(np.full(int(whole.sum()), UNPACKED, np.int64))
    return TableState(
        records=pa.concat_tables([SCHEMA.empty_table(), *tables, singles.filter(booleans(whole))]),
        packs=packs,
        pack_of_lease=np.concatenate(pack_of_lease),
        sizes=sizes,
        superseded=gone,
        inherited=tuple(found.replaces for found in held),
        checkpointed=len(checkpointed),
    )


def _read_own(folder: Folder, entries: Sequence[Entry]) -> tuple[list[pa.Table], int]:
    """Read the records of leases with their own parts, and count those that are gone by now."""
    tables, gone = [], 0
    # Some at a time: as columns they take a tenth of the room.
    for start in range(0, len(entries), _AT_ONCE):
        records, missing = _read_sound(folder, entries[start : start + _AT_ONCE], read_commit)
        tables.append(to_table(records))
        gone += missing
    return tables, gone


def _read_sound(
    folder: Folder, entries: Sequence[Entry], read: Callable[[Folder, Entry], T | None]
) -> tuple[list[T], int]:
    """Read records, and count those that are gone by now.

    A part that is torn was never committed: it is passed over, and no reason to stop.
    """

    def attempt(of: Folder, entry: Entry) -> tuple[T, ...] | None:
        try:
            found = read(of, entry)
        except TornPartError:
            return ()
        return None if found is None else (found,)

    results = list(read_side_by_side(folder, entries, attempt))
    return [record for result in results for record in result], len(entries) - len(results)


def _read_packs(
    folder: Folder, frames: Iterable[Entry], sizes: Mapping[str, int]
) -> tuple[tuple[PackRecord, ...], list[PackRecords], set[str]]:
    """Find the packs that stand, their leases' records, and all that they supersede.

    Raises FileNotFoundError where a pack was replaced meanwhile.
    """
    entries = sorted((e for e in frames if pack_of(e.name)), key=lambda e: e.name)
    sound, _ = _read_sound(folder, entries, read_pack)
    whole = [pack for pack in sound if pack.is_whole(sizes)]
    left = {pack_part_name(pack.name) for pack in whole}
    for entry in entries:
        if entry.name.rpartition("/")[2] not in left and not folder.exists(entry.name):
            raise FileNotFoundError(entry.name)
    records = [read_pack_records(folder, pack) for pack in whole]
    gone = {name for found in records for name in found.replaces}
    state = [
        (pack, found) for pack, found in zip(whole, records, strict=True) if pack.name not in gone
    ]
    for _, found in state:
        gone |= names_of(found.leases)
    return tuple(pack for pack, _ in state), [found for _, found in state], gone


def _whole(records: pa.Table, sizes: Mapping[str, int]) -> tuple[NDArray[np.bool_], list[str]]:
    """Mark the leases whose parts are all there as put, and name the others."""
    whole = np.ones(len(records), np.bool_)
    lacking = []
    for row, (lease, parts) in enumerate(own_parts(records)):
        name = part_name(lease)
        if any(sizes.get(f"{table}/{name}") != size for table, size in parts[:-1]):
            whole[row] = False
            lacking.append(lease)
    return whole, lacking


def _any_gone(folder: Folder, leases: Collection[str]) -> bool:
    """Whether one of these was taken away meanwhile: then the others may have been, too."""
    return any(not folder.exists(f"{FRAMES_TABLE}/{part_name(lease)}") for lease in leases)


def visible_parts(
    folder: Folder, tables: Sequence[str], closed: AbstractSet[str] | None = None
) -> tuple[dict[str, list[Entry]], int]:
    """List the parts whose rows count, by table, and how many leases these are of.

    `closed`: the leases that count besides those in packs, where not all do. Raises StorageError
    where the folder changes all the time.
    """
    for _ in range(_TRIES):
        listed = list_parts(folder, tables)
        sizes = {name: entry.bytes for name, entry in listed.items()}
        frames = [entry for name, entry in listed.items() if name.startswith(f"{FRAMES_TABLE}/")]
        try:
            packs, held, gone = _read_packs(folder, frames, sizes)
        except FileNotFoundError:
            continue
        leases = {lease for e in frames if (lease := lease_of(e.name)) and lease not in gone}
        leases = leases if closed is None else leases & closed
        again = {entry.name for entry in folder.list(f"{FRAMES_TABLE}/")}
        if all(entry.name in again for entry in frames):
            names = {part_name(lease) for lease in leases}
            names |= {pack_part_name(pack.name) for pack in packs}
            found: dict[str, list[Entry]] = {table: [] for table in tables}
            for name, entry in listed.items():
                table, _, base = name.partition("/")
                if base in names and table in found:
                    found[table].append(entry)
            return found, len(leases) + sum(len(records.leases) for records in held)
    raise StorageError(f"{folder.uri} changes faster than it can be read.", "Try again later.")
