"""Reading every object of an output, and comparing it with what its record tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa

from fleet.core.receipt import PartFile
from fleet.errors import StorageRefusedError
from fleet.parquet.decoding import decode_rows
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.commits.record_rows import parts_of
from fleet.table.maintenance.exchange import is_as_put
from fleet.table.maintenance.finding import Finding
from fleet.table.maintenance.part_check import (
    ObjectToVerify,
    PartRead,
    VerifiedObject,
    check_alone,
    check_together,
    columns_of,
)
from fleet.table.parts.objects import is_as_named, object_suffixes
from fleet.table.parts.schema import FRAMES_TABLE, OWN_TABLES
from fleet.table.state.state import UNPACKED, TableState


def objects_to_verify(state: TableState) -> Iterator[ObjectToVerify]:
    """Yield what is to be read: every object that stands."""
    ends = np.searchsorted(state.covered.lease, np.arange(len(state)), side="right").tolist()
    starts = [0, *ends]
    first = 0
    for place, pack in enumerate(state.packs):
        last = first + int((state.pack_of_lease == place).sum())
        for part in pack.parts:
            yield ObjectToVerify(part, pack.objects[-1], starts[first], starts[last])
        first = last
    for row, (lease, parts) in enumerate(parts_of(state.records.slice(first)), first):
        for part in parts:
            commit = f"{FRAMES_TABLE}/{part_name(lease)}"
            yield ObjectToVerify(part, commit, starts[row], starts[row + 1])


def verify_objects(
    folder: Folder, state: TableState, whats: Sequence[ObjectToVerify]
) -> list[VerifiedObject]:
    """Read objects that follow each other, and see whether each is as it was put.

    Their rows are looked at together, which takes small objects a fraction of the time; each by
    itself where something is wrong with some of them.
    """
    found: list[VerifiedObject] = []
    read: list[PartRead] = []
    for what in whats:
        try:
            read.append(_read(folder, what))
        except _WrongError as error:
            found.append(error.found)
    together = check_together(state.covered, read)
    if together is None:
        return [*found, *(check_alone(state.covered, part) for part in read)]
    return [*found, together]


class _WrongError(Exception):
    """An object is not as it was put; `found` tells how."""

    def __init__(self, found: VerifiedObject) -> None:
        self.found = found


def _read(folder: Folder, what: ObjectToVerify) -> PartRead:
    """Read an object, compare it with its record, and look at the objects that its rows name.

    Raises _WrongError where one of them is missing or altered.
    """
    try:
        data = folder.read(what.name)
    except FileNotFoundError:
        raise _WrongError(what.says("missing", "it is gone")) from None
    try:
        rows = _rows(data, what.part)
        named = _named(rows) if _may_name(what.part.table) else frozenset()
    except (ValueError, OSError, pa.ArrowException) as error:
        raise _WrongError(what.says("altered", str(error))) from error
    wrong = tuple(_wrong_objects(folder, named, what))
    if wrong:
        raise _WrongError(VerifiedObject(wrong, named=named))
    return PartRead(what, rows, named)


def _rows(data: bytes, part: PartFile) -> pa.Table:
    """Return the rows of a part, as far as they are looked at.

    Raises ValueError where its bytes, or how many rows it has, are not as they were put.
    """
    if not is_as_put(data, part):
        raise ValueError(
            f"its bytes have another sha256 than {part.sha256[:16]}..., as they were put"
        )
    rows = decode_rows(data, _columns(part.table))
    if rows.num_rows != part.rows:
        raise ValueError(f"it has {rows.num_rows:,} rows, not {part.rows:,} as it was put")
    return rows


def _columns(table: str) -> Sequence[str] | Callable[[pa.Schema], Sequence[str]]:
    """Return the columns that are looked at, or what tells them by the schema of a part."""
    if table.startswith("_"):
        return ()
    names = columns_of(table)
    return (lambda schema: [*names, *object_suffixes(schema)]) if _may_name(table) else names


def _may_name(table: str) -> bool:
    """Return whether rows of a table may name objects: those of the job's own."""
    return not (table.startswith("_") or table in OWN_TABLES)


def _named(rows: pa.Table) -> frozenset[str]:
    """Return the objects beside the table that rows name."""
    columns = object_suffixes(rows.schema)
    return frozenset(
        chain.from_iterable(rows[column].drop_null().to_pylist() for column in columns)
    )


def _wrong_objects(
    folder: Folder, named: frozenset[str], what: ObjectToVerify
) -> Iterator[Finding]:
    """Yield the objects that rows name, and that are gone or not as they were put."""
    for name in sorted(named):
        try:
            if not is_as_named(name, folder.read(name)):
                detail = "its bytes are not those that its name was made of"
                yield Finding("altered", name, detail, what.way_out)
        except FileNotFoundError:
            yield Finding("missing", name, f"{what.name} names it", what.way_out)
        except StorageRefusedError as error:
            yield Finding("altered", what.name, error.message, what.way_out)


def commits_of(state: TableState, uri: str) -> Sequence[str]:
    """Name the frames parts that hold rows of a video."""
    numbers = [n for n, (name, _) in enumerate(state.covered.intervals.versions) if name == uri]
    rows = np.isin(state.covered.intervals.version, numbers)
    names = []
    for lease in np.unique(state.covered.lease[rows]).tolist():
        pack_of_lease = int(state.pack_of_lease[lease])
        own = f"{FRAMES_TABLE}/{part_name(state.leases[lease])}"
        names.append(own if pack_of_lease == UNPACKED else state.packs[pack_of_lease].objects[-1])
    return sorted(set(names))
