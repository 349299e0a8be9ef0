"""Which parts are to become one pack: read, compared with their digests, and brought together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.receipt import PartFile
from fleet.errors import OutputCorruptError, SupersededError
from fleet.parquet.arrays import numbers
from fleet.parquet.decoding import decode_rows
from fleet.parquet.encoding import digest, digest_before_footer
from fleet.storage import Folder
from fleet.table.commits.record_rows import parts_of
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.part_rows import check_part_rows, less_later, with_later
from fleet.table.maintenance.rewrite import Rewritten, keep
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.state import UNPACKED, TableState
from fleet.table.state.video_manifest import Seconds

AT_ONCE = 256
"""Parts whose rows are checked and brought together at a time."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """A pack to be, and what it takes the place of."""

    kept: Rewritten
    """Its leases and rows; no lease where nothing is left."""
    replaces: AbstractSet[str]
    """The packs that it takes the place of."""
    objects: Sequence[str]
    """The objects that it takes the place of."""


def rewrite_unit(state: TableState, lease: int) -> NDArray[np.int64]:
    """Return the rows that are rewritten together: a lease with its own parts, or a whole pack."""
    pack = int(state.pack_of_lease[lease])
    return np.array([lease]) if pack == UNPACKED else np.flatnonzero(state.pack_of_lease == pack)


def exchange(
    folder: Folder,
    state: TableState,
    rows: NDArray[np.int64],
    kept: Covered,
    seconds: Seconds,
) -> Exchange:
    """Bring the leases in these rows of `state` together, less what `kept` does not cover.

    `rows`: whole packs and leases with their own parts, that do not overlap. `kept`: its `lease`
    is a row of `state`; may tell of others, too. `seconds`: seconds a tick, by video. Raises
    OutputCorruptError where a part is not as it was put: a rewrite must not vouch for damage;
    SupersededError where it is gone, because it does not count any more.
    """
    records = state.records.take(numbers(rows))
    place = np.full(len(state), -1, np.int64)
    place[rows] = np.arange(len(rows))
    mine = place[kept.lease] >= 0
    local = Covered(kept.intervals.take(mine), place[kept.lease[mine]])
    parts = list(parts_in(state, rows))
    with_rows = [part for part in parts if not part.table.startswith("_")]
    pieces = {
        table: _read_all(folder, list(several))
        for table, several in groupby(sorted(with_rows, key=_table), key=_table)
    }
    replaces = {state.packs[pack].name for pack in packs_in(state, rows)}
    objects = [f"{part.table}/{part.name}" for part in parts]
    return Exchange(keep(records, pieces, local, seconds), replaces, objects)


def packs_in(state: TableState, rows: NDArray[np.int64]) -> list[int]:
    """Return the positions of the packs that hold these rows."""
    found = np.unique(state.pack_of_lease[rows])
    return [int(pack) for pack in found if pack != UNPACKED]


def parts_in(state: TableState, rows: NDArray[np.int64]) -> Iterator[PartFile]:
    """Yield the objects that hold the leases in these rows."""
    for pack in packs_in(state, rows):
        yield from state.packs[pack].parts
    own = rows[state.pack_of_lease[rows] == UNPACKED]
    for _, parts in parts_of(state.records.take(numbers(own))):
        yield from parts


def is_as_put(data: bytes, part: PartFile) -> bool:
    """Return whether an object's bytes have the digest that its record tells of."""
    is_frames = part.table == FRAMES_TABLE
    return (digest_before_footer(data) if is_frames else digest(data)) == part.sha256


def _table(part: PartFile) -> str:
    return part.table


def _read_all(folder: Folder, parts: Sequence[PartFile]) -> list[pa.Table]:
    """Read parts of one table, in turn, with the same columns in all; see `exchange`.

    The rows of some are checked together, which takes small parts a fraction of the time; each by
    itself where they do not pass, which names the one that does not.
    """
    together: list[pa.Table] = []
    for first in range(0, len(parts), AT_ONCE):
        some = parts[first : first + AT_ONCE]
        pieces = [_read(folder, part) for part in some]
        usual = (together or pieces)[0].schema
        columns = less_later(usual)
        for part, rows in zip(some, pieces, strict=True):
            schema = rows.schema
            # Else a column that others have would be dropped, or cast, and the pack vouch for that.
            if not (schema.equals(usual, check_metadata=True) or less_later(schema) == columns):
                raise _damaged(
                    folder, part, "it has other columns than the other parts of its table"
                )
        # Each small part is a table with buffers and dictionaries of its own, more than its rows.
        rows = pa.concat_tables(with_later(pieces)).unify_dictionaries().combine_chunks()
        try:
            check_part_rows(rows, some[0].table)
        except (ValueError, pa.ArrowException):
            for part, of_part in zip(some, pieces, strict=True):
                _check(folder, part, of_part)
            raise
        together.append(rows)
    return with_later(together)


def _check(folder: Folder, part: PartFile, rows: pa.Table) -> None:
    """Raise OutputCorruptError where a part has rows that its table has not."""
    try:
        check_part_rows(rows, part.table)
    except ValueError as error:
        raise _damaged(folder, part, str(error)) from error


def _read(folder: Folder, part: PartFile) -> pa.Table:
    try:
        data = folder.read(f"{part.table}/{part.name}")
        if not is_as_put(data, part):
            raise _damaged(folder, part, "its bytes are not those that were put")
        return decode_rows(data)
    except FileNotFoundError:
        raise SupersededError(
            f"{folder.uri}/{part.table}/{part.name} is gone: another process changed the output "
            "just now.",
            "Run the command again.",
        ) from None
    except ValueError as error:
        raise _damaged(folder, part, str(error)) from error


def _damaged(folder: Folder, part: PartFile, reason: str) -> OutputCorruptError:
    return OutputCorruptError(
        f"{folder.uri}/{part.table}/{part.name} is damaged: {reason}. Nothing was changed.",
        "`fleet verify` lists what else is wrong, with the way out.",
    )
