"""Which parts are to become one pack: read from the folder, and brought together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import numbers
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.rewrite import Rewritten, keep
from fleet.table.state.state import UNPACKED, TableState, own_parts
from fleet.table.state.video_manifest import Seconds


@dataclass(frozen=True, eq=False)
class Exchange:
    """A pack to be, and what it takes the place of.

    `kept`: its leases and rows; no lease where nothing is left. `replaces`: the packs that it
    supersedes. `objects`: what it takes the place of, to be deleted.
    """

    kept: Rewritten
    replaces: AbstractSet[str]
    objects: Sequence[str]


def rewrite_unit(state: TableState, lease: int) -> NDArray[np.int64]:
    """The rows that can only be exchanged together: a lease with its own parts, or a whole pack."""
    pack_of_lease = int(state.pack_of_lease[lease])
    return (
        np.array([lease])
        if pack_of_lease == UNPACKED
        else np.flatnonzero(state.pack_of_lease == pack_of_lease)
    )


def exchange(
    folder: Folder,
    state: TableState,
    rows: NDArray[np.int64],
    kept: Covered,
    seconds: Seconds,
) -> Exchange:
    """Bring the leases in these rows of `state` together, less what `kept` does not cover.

    `rows`: whole packs and leases with their own parts, that do not overlap. `kept`: its `lease`
    is a row of `state`; may tell of others, too. `seconds`: see `rewrite`. Raises
    OutputCorruptError where a part cannot be read.
    """
    records = state.records.take(numbers(rows))
    place = np.full(len(state), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = place[kept.lease] >= 0
    local = Covered(kept.intervals.take(mine), place[kept.lease[mine]])
    pieces: dict[str, list[pa.Table]] = {}
    objects = list(objects_of(state, rows))
    for name in objects:
        table = name.partition("/")[0]
        if not table.startswith("_"):
            pieces.setdefault(table, []).append(_read(folder, name))
    packs = _packs_in(state, rows)
    replaces = {state.packs[pack].name for pack in packs}.union(
        *(state.inherited[pack] for pack in packs)
    )
    return Exchange(keep(records, pieces, local, seconds), replaces, objects)


def _packs_in(state: TableState, rows: NDArray[np.int64]) -> list[int]:
    homes = np.unique(state.pack_of_lease[rows])
    return [int(pack_of_lease) for pack_of_lease in homes if pack_of_lease != UNPACKED]


def objects_of(state: TableState, rows: NDArray[np.int64]) -> Iterator[str]:
    """Name the objects that hold the leases in these rows."""
    for pack in _packs_in(state, rows):
        yield from state.packs[pack].objects
    own = rows[state.pack_of_lease[rows] == UNPACKED]
    for lease, parts in own_parts(state.records.take(numbers(own))):
        yield from (f"{table}/{part_name(lease)}" for table, _ in parts)


def _read(folder: Folder, name: str) -> pa.Table:
    data = folder.read(name)
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise OutputCorruptError(
            f"{folder.uri}/{name} cannot be read: {error}.",
            "`fleet verify` lists what else is wrong, with the way out.",
        ) from error
