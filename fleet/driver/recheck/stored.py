"""The rows that an output holds of one stretch of a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from fleet.core.interval import Interval
from fleet.errors import OutputCorruptError, StorageError
from fleet.parquet.arrays import to_bytes
from fleet.parquet.ranged_file import RangedFile
from fleet.storage import Entry
from fleet.table.commits.record_rows import own_objects
from fleet.table.parts.schema import ERRORS_TABLE
from fleet.table.state.state import UNPACKED, TableState
from fleet.table.table import Table


class StoredRows:
    """Looks up the rows of stretches; only the objects that hold them are read."""

    def __init__(self, table: Table, state: TableState, schemas: Mapping[str, pa.Schema]) -> None:
        """Take the output, what it holds, and the schemas of its tables by name."""
        self._table = table
        self._state = state
        self._schemas = schemas

    def tables(self, stretch: Interval) -> Mapping[str, pa.Table]:
        """Return the rows of a stretch by table, in the order in which the objects have them.

        A loss belongs to it that shares a pts with it, or has none. Raises OutputCorruptError where
        an object cannot be read.
        """
        names = sorted({name for of in self._objects(stretch) for name in of})
        return {
            table: pa.concat_tables(
                [
                    schema.empty_table(),
                    *(
                        self._read(name, schema, _filter(table, stretch))
                        for name in names
                        if name.startswith(f"{table}/")
                    ),
                ]
            )
            for table, schema in self._schemas.items()
        }

    def commits(self, stretch: Interval) -> Sequence[str]:
        """Name the objects whose absence makes the next run do a stretch again."""
        return sorted(of[-1] for of in self._objects(stretch))

    def _objects(self, stretch: Interval) -> list[Sequence[str]]:
        """Name the objects that may hold rows of a stretch, by pack or lease, the commit last."""
        state = self._state
        leases = self._leases(stretch)
        packs = np.unique(state.pack_of_lease[leases])
        own = state.records.take(leases[state.pack_of_lease[leases] == UNPACKED])
        return [
            *(state.packs[at].objects for at in packs[packs != UNPACKED]),
            *([name for name, _ in of] for _, of in own_objects(own)),
        ]

    def _leases(self, stretch: Interval) -> NDArray[np.int64]:
        """Return the rows of the leases that cover some of a stretch: int64."""
        covered = self._state.covered
        intervals = covered.intervals
        versions = [
            number
            for number, version in enumerate(intervals.versions)
            if version == (stretch.uri, stretch.etag)
        ]
        inside = np.isin(intervals.version, versions)
        inside &= (intervals.starts < stretch.end_pts) & (intervals.ends > stretch.start_pts)
        leases: NDArray[np.int64] = np.unique(covered.lease[inside])
        return leases

    def _read(self, name: str, schema: pa.Schema, chosen: ds.Expression) -> pa.Table:
        entry = Entry(name, self._state.sizes[name], "")
        file = pa.PythonFile(RangedFile(self._table.folder, entry), "r")
        try:
            fragment = ds.ParquetFileFormat().make_fragment(file)
            return fragment.to_table(schema=schema, filter=chosen)
        except StorageError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise OutputCorruptError(
                f"{self._table.uri}/{name} cannot be read: {error}.",
                "`fleet verify` without --quick names what is damaged, with the way out.",
            ) from error


def _filter(table: str, stretch: Interval) -> ds.Expression:
    of_video = ds.field("uri") == to_bytes(stretch.uri).decode()
    if table != ERRORS_TABLE:
        pts = ds.field("pts")
        return of_video & (pts >= stretch.start_pts) & (pts < stretch.end_pts)
    start, end = ds.field("start_pts"), ds.field("end_pts")
    return of_video & (start.is_null() | ((start < stretch.end_pts) & (end > stretch.start_pts)))
