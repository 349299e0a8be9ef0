"""Reading every object of an output, and comparing it with what its record tells of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fleet.core.interval_set import IntervalTable
from fleet.core.receipt import PartFile
from fleet.errors import StorageRefusedError
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.commits.record_rows import parts_of
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.exchange import is_as_put
from fleet.table.maintenance.finding import Finding
from fleet.table.maintenance.part_rows import part_rows
from fleet.table.maintenance.row_owner import NO_LEASE, lease_of_frames
from fleet.table.parts.objects import is_as_named, object_suffixes
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE
from fleet.table.state.state import UNPACKED, TableState


@dataclass(frozen=True)
class ObjectToVerify:
    """An object to be read. `first`, `last`: which rows of all intervals its leases cover."""

    part: PartFile
    commit: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """The object's name in its folder."""
        return f"{self.part.table}/{self.part.name}"

    @property
    def way_out(self) -> str:
        """What to do where it is not as it was put."""
        return f"Delete {self.commit}, and run the job's command again: it does that once more."


@dataclass(frozen=True)
class VerifiedObject:
    """What came of it: what is wrong, and how many frames each video has or lost in it.

    `unknown`: videos with losses of which nobody knows how many frames they cost. `named`: objects
    beside the table that its rows name.
    """

    findings: tuple[Finding, ...] = ()
    frames: Mapping[str, int] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


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


def verify_object(folder: Folder, state: TableState, what: ObjectToVerify) -> VerifiedObject:
    """Read one object, and see whether it is as it was put."""
    try:
        data = folder.read(what.name)
    except FileNotFoundError:
        return VerifiedObject((Finding("missing", what.name, "it is gone", what.way_out),))
    table, rows = what.part.table, None
    names = ["uri", "frames"] if table == ERRORS_TABLE else ["uri", "frame", "pts"]
    try:
        wrong = _compare(data, what.part)
        if not wrong and not table.startswith("_"):
            rows = part_rows(data, table, names)
    except (ValueError, OSError, pa.ArrowException) as error:
        wrong = str(error)
    if wrong:
        return VerifiedObject((Finding("altered", what.name, wrong, what.way_out),))
    if rows is None:
        return VerifiedObject()
    if table == ERRORS_TABLE:
        return _count_lost(rows)
    named = _named(data)
    wrong_objects = tuple(_wrong_objects(folder, named, what))
    if wrong_objects:
        return VerifiedObject(wrong_objects, named=named)
    checked = _check_rows(rows, _slice(state.covered, what.first, what.last), what)
    return replace(checked, named=named)


def _named(data: bytes) -> frozenset[str]:
    """Return the objects beside the table that the rows of a part name."""
    part = pq.ParquetFile(pa.BufferReader(data))
    columns = list(object_suffixes(part.schema_arrow))
    if not columns:
        return frozenset()
    rows = part.read(columns)
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


def _compare(data: bytes, part: PartFile) -> str:
    if not is_as_put(data, part):
        return f"its bytes have another sha256 than {part.sha256[:16]}..., as they were put"
    rows = pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows
    return "" if rows == part.rows else f"it has {rows:,} rows, not {part.rows:,} as it was put"


def _count_lost(losses: pa.Table) -> VerifiedObject:
    lost: Counter[str] = Counter()
    unknown = set()
    for row in losses.to_pylist():
        lost[row["uri"]] += row["frames"] or 0
        if row["frames"] is None:
            unknown.add(row["uri"])
    return VerifiedObject(frames=lost, unknown=frozenset(unknown))


def _slice(covered: Covered, first: int, last: int) -> Covered:
    """Take some rows, with only the versions that they need."""
    part = covered.intervals.take(np.arange(first, last))
    numbers, version = np.unique(part.version, return_inverse=True)
    versions = [part.versions[number] for number in numbers.tolist()]
    return Covered(
        IntervalTable(versions, version, part.starts, part.ends), covered.lease[first:last]
    )


def _check_rows(rows: pa.Table, covered: Covered, what: ObjectToVerify) -> VerifiedObject:
    """See that every row is of a frame that is covered, and each frame there once."""
    if (lease_of_frames(covered, rows) == NO_LEASE).any():
        found = Finding("strange rows", what.name, "it has frames not covered", what.way_out)
        return VerifiedObject((found,))
    if what.part.table != FRAMES_TABLE:
        return VerifiedObject()
    uris, frames = rows["uri"].combine_chunks(), rows["frame"].to_numpy()
    pairs = np.stack((uris.indices.to_numpy().astype(np.int64), frames))
    if len(np.unique(pairs, axis=1).T) != len(frames):
        found = Finding("strange rows", what.name, "it has a frame twice", what.way_out)
        return VerifiedObject((found,))
    counts = pc.value_counts(uris.cast(pa.string()))
    return VerifiedObject(frames=Counter({str(n["values"]): n["counts"].as_py() for n in counts}))


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
