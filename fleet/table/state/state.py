"""What an output holds: its committed leases, in parts of their own or in packs.

The manifest says which packs stand and which leases count. A lease that counts is committed when
its frames part is there with all that it names. What a pack holds does not count by itself any
more. So whatever is put or deleted meanwhile, each lease is seen once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.interval_set import DoneIntervals
from fleet.core.receipt import Tally
from fleet.errors import StorageError
from fleet.parquet.arrays import booleans, no_rows
from fleet.storage import Entry, Folder
from fleet.table.commits.manifest import Manifest, has_later, read_manifest
from fleet.table.commits.pack import PackRecord, pack_number
from fleet.table.commits.record_rows import own_objects
from fleet.table.commits.record_table import SCHEMA, Covered, covered, total
from fleet.table.state.objects import Objects, list_objects
from fleet.table.state.own_leases import read_own_leases
from fleet.table.state.packs import read_packs
from fleet.table.state.success_file import closed_leases

_TRIES = 5
UNPACKED = -1


@dataclass(frozen=True, eq=False)
class TableState:
    """What an output holds, a row a lease."""

    manifest: Manifest
    """The manifest that says so."""
    records: pa.Table
    """The commit records, see `record_table`."""
    packs: tuple[PackRecord, ...]
    """The packs that stand."""
    pack_of_lease: NDArray[np.int64]
    """int64 [leases]: the position in `packs` of the one that holds the lease, or UNPACKED."""
    sizes: Mapping[str, int]
    """Bytes of every object in the tables' folders and in `_done/`, whether it counts or not."""
    superseded: AbstractSet[str] = frozenset()
    """The leases that a pack holds or replaces."""
    lost: tuple[str, ...] = ()
    """Packs and leases that the manifest lists, and of which not all is there."""
    closed: bool = False
    """Whether everything that was wanted is there."""
    last_number: int = 0
    """The number of the manifest, or without one of the last pack that stands."""
    checkpointed: int = 0
    """How many leases were found in checkpoints, so that their footers were not read."""

    def __len__(self) -> int:
        return len(self.pack_of_lease)

    def __repr__(self) -> str:
        packs, number = len(self.packs), self.manifest.number
        return f"TableState({len(self):,} leases, {packs} packs, manifest {number})"

    @cached_property
    def leases(self) -> list[str]:
        """Their names, row by row."""
        return list(self.records["lease"].to_pylist())

    @cached_property
    def unpacked(self) -> NDArray[np.int64]:
        """The rows of the leases with parts under their own names: int64."""
        return np.flatnonzero(self.pack_of_lease == UNPACKED)

    @cached_property
    def covered(self) -> Covered:
        """What each lease covers."""
        return covered(self.records)

    @cached_property
    def done(self) -> DoneIntervals:
        """What all of them cover, merged."""
        return DoneIntervals(self.covered.intervals)

    @cached_property
    def total(self) -> Tally:
        """Their tallies, added up."""
        return total(self.records)

    @cached_property
    def objects(self) -> set[str]:
        """The names of the objects that count."""
        names = {name for pack in self.packs for name in pack.objects}
        own = booleans(self.pack_of_lease == UNPACKED)
        for _, objects in own_objects(self.records.filter(own)):
            names.update(name for name, _ in objects)
        return names

    def under(self, manifest: Manifest) -> TableState:
        """Return what is held once a manifest is put over this one, with the same packs."""
        assert set(manifest.packs) == {pack.name for pack in self.packs}
        is_listed = np.array([lease in manifest.leases for lease in self.leases], np.bool_)
        stays = np.logical_or(is_listed, self.pack_of_lease != UNPACKED)
        return replace(
            self,
            manifest=manifest,
            records=self.records.filter(booleans(stays)),
            pack_of_lease=self.pack_of_lease[stays],
            lost=tuple(name for name in self.lost if name in manifest.leases),
            closed=manifest.closed,
            last_number=manifest.number,
        )

    def parts(self, tables: Sequence[str]) -> dict[str, list[Entry]]:
        """Return the objects whose rows count, by table, in the order of their names."""
        found: dict[str, list[Entry]] = {table: [] for table in tables}
        for name in sorted(self.objects):
            table = name.partition("/")[0]
            if table in found:
                found[table].append(Entry(name, self.sizes[name], ""))
        return found


def read_state(
    folder: Folder, tables: Sequence[str], committed: Collection[str] = ()
) -> TableState:
    """Return what the folder of a job with these tables (see JobRecord.tables) holds.

    `committed`: leases that are known to be committed, which a listing that lags may not show.
    Reads listings, the manifest, a record a pack, checkpoints, and the footers of what no
    checkpoint tells of. Raises OutputCorruptError where a record cannot be read, StorageError where
    the folder changes all the time.
    """
    for _ in range(_TRIES):
        objects = list_objects(folder, tables)
        manifest = read_manifest(folder, objects.listed, objects.last_pack)
        try:
            state = _read(folder, objects, manifest, committed)
        except FileNotFoundError:
            continue
        # What a manifest lists is deleted only once a later one is there.
        if not has_later(folder, manifest, state.last_number):
            return state
    raise StorageError(f"{folder.uri} changes faster than it can be read.", "Try again later.")


def _read(
    folder: Folder, objects: Objects, manifest: Manifest, committed: Collection[str]
) -> TableState:
    packs = read_packs(folder, objects, manifest)
    # Version 0.1 put no manifest: in an output that it closed, what its marker lists counts.
    closed = None if manifest.number else closed_leases(folder)
    asked = {lease for lease in committed if manifest.counts(lease)} | set(manifest.leases)
    own = read_own_leases(folder, objects, manifest, asked, packs.superseded, closed)
    tables = [found.leases for found in packs.records]
    pack_of_lease = [np.full(len(table), place, np.int64) for place, table in enumerate(tables)]
    pack_of_lease.append(np.full(len(own.records), UNPACKED, np.int64))
    return TableState(
        manifest=manifest,
        records=pa.concat_tables([no_rows(SCHEMA), *tables, own.records]),
        packs=packs.packs,
        pack_of_lease=np.concatenate(pack_of_lease),
        sizes=objects.sizes(),
        superseded=packs.superseded,
        lost=(*packs.lost, *own.lost),
        closed=manifest.closed or closed is not None,
        last_number=max([manifest.number, *(pack_number(pack.name) for pack in packs.packs)]),
        checkpointed=own.checkpointed,
    )
