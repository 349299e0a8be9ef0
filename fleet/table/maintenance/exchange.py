"""Which parts are to become one pack: read from the folder, and brought together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleet.errors import OutputCorrupt
from fleet.parquet.arrays import numbers
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.rewrite import Kept, keep
from fleet.table.state.state import OWN_PARTS, Standing, own_parts
from fleet.table.state.video_manifest import Seconds


@dataclass(frozen=True, eq=False)
class Exchange:
    """A pack to be, and what it takes the place of.

    `kept`: its leases and rows; no lease where nothing is left. `replaces`: the packs that it
    supersedes. `objects`: what it takes the place of, to be deleted.
    """

    kept: Kept
    replaces: AbstractSet[str]
    objects: Sequence[str]


def unit_of(standing: Standing, lease: int) -> NDArray[np.int64]:
    """The rows that can only be exchanged together: a lease with its own parts, or a whole pack."""
    home = int(standing.home[lease])
    return np.array([lease]) if home == OWN_PARTS else np.flatnonzero(standing.home == home)


def exchange(
    folder: Folder,
    standing: Standing,
    rows: NDArray[np.int64],
    kept: Covered,
    seconds: Seconds,
) -> Exchange:
    """Bring the leases in these rows of `standing` together, less what `kept` does not cover.

    `rows`: whole packs and leases with their own parts, that do not overlap. `kept`: its `lease`
    is a row of `standing`; may tell of others, too. `seconds`: see `rewrite`. Raises
    OutputCorrupt where a part cannot be read.
    """
    records = standing.records.take(numbers(rows))
    place = np.full(len(standing), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = place[kept.lease] >= 0
    local = Covered(kept.intervals.take(mine), place[kept.lease[mine]])
    pieces: dict[str, list[pa.Table]] = {}
    objects = list(objects_of(standing, rows))
    for name in objects:
        table = name.partition("/")[0]
        if not table.startswith("_"):
            pieces.setdefault(table, []).append(_read(folder, name))
    packs = _packs_in(standing, rows)
    replaces = {standing.packs[pack].name for pack in packs}.union(
        *(standing.inherited[pack] for pack in packs)
    )
    return Exchange(keep(records, pieces, local, seconds), replaces, objects)


def _packs_in(standing: Standing, rows: NDArray[np.int64]) -> list[int]:
    homes = np.unique(standing.home[rows])
    return [int(home) for home in homes if home != OWN_PARTS]


def objects_of(standing: Standing, rows: NDArray[np.int64]) -> Iterator[str]:
    """Name the objects that hold the leases in these rows."""
    for pack in _packs_in(standing, rows):
        yield from standing.packs[pack].objects
    own = rows[standing.home[rows] == OWN_PARTS]
    for lease, parts in own_parts(standing.records.take(numbers(own))):
        yield from (f"{table}/{part_name(lease)}" for table, _ in parts)


def _read(folder: Folder, name: str) -> pa.Table:
    data = folder.read(name)
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise OutputCorrupt(
            f"{folder.uri}/{name} cannot be read: {error}.",
            "`fleet verify` lists what else is wrong, with the way out.",
        ) from error
