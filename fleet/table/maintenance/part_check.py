"""The rows of parts, held against what their leases cover: some parts together, or one alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.core.interval_set import IntervalTable
from fleet.core.receipt import PartFile
from fleet.parquet.arrays import as_numpy
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.finding import Finding
from fleet.table.maintenance.part_rows import check_part_rows
from fleet.table.maintenance.row_owner import NO_LEASE, lease_of_frames
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE


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

    def says(self, kind: str, detail: str) -> VerifiedObject:
        """Return what came of it where one thing is wrong."""
        return VerifiedObject((Finding(kind, self.name, detail, self.way_out),))


@dataclass(frozen=True)
class VerifiedObject:
    """What came of it: what is wrong, and how many frames each video has or lost in it.

    `objects`: how many were read. `unknown`: videos with losses of which nobody knows how many
    frames they cost. `named`: objects beside the table that its rows name.
    """

    findings: tuple[Finding, ...] = ()
    frames: Mapping[str, int] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    objects: int = 1


@dataclass(frozen=True, eq=False)
class PartRead:
    """An object as it was put: its rows, and the objects beside the table that they name."""

    what: ObjectToVerify
    rows: pa.Table
    named: frozenset[str] = frozenset()

    @property
    def table(self) -> str:
        """The table that it is of; `_done` has no rows to look at."""
        return self.what.part.table


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns that are looked at."""
    return ("uri", "frames") if table == ERRORS_TABLE else ("uri", "frame", "pts")


def check_alone(covered: Covered, part: PartRead) -> VerifiedObject:
    """See that each row of a part is of a frame that is covered, and each frame there once."""
    what, mine = part.what, _slice(covered, part.what.first, part.what.last)
    if part.table.startswith("_"):
        return VerifiedObject()
    try:
        rows = _checked([part])
    except (ValueError, pa.ArrowException) as error:
        return what.says("altered", str(error))
    if part.table == ERRORS_TABLE:
        return replace(_count_lost(rows), named=part.named)
    wrong = ""
    if (lease_of_frames(mine, rows) == NO_LEASE).any():
        wrong = "it has frames not covered"
    elif part.table == FRAMES_TABLE and _is_twice(rows):
        wrong = "it has a frame twice"
    found = what.says("strange rows", wrong) if wrong else _count_frames(part.table, rows)
    return replace(found, named=part.named)


def check_together(covered: Covered, parts: Sequence[PartRead]) -> VerifiedObject | None:
    """Return what comes of parts of leases that follow each other; None where any may be wrong.

    Then each is to be checked alone, which tells what it is.
    """
    with_rows = sorted((part for part in parts if not part.table.startswith("_")), key=_table)
    frames: Counter[str] = Counter()
    unknown: set[str] = set()
    for _, several in groupby(with_rows, key=_table):
        found = _of_table(covered, list(several))
        if found is None:
            return None
        frames.update(found.frames)
        unknown |= found.unknown
    named = frozenset(chain.from_iterable(part.named for part in parts))
    return VerifiedObject((), frames, frozenset(unknown), named, len(parts))


def _table(part: PartRead) -> str:
    return part.table


def _of_table(covered: Covered, parts: Sequence[PartRead]) -> VerifiedObject | None:
    """Check parts of one table; None where any may be wrong."""
    try:
        rows = _checked(parts)
    except (ValueError, pa.ArrowException):
        return None
    table = parts[0].table
    if table == ERRORS_TABLE:
        return _count_lost(rows)
    firsts, lasts = (
        np.array([getattr(part.what, end) for part in parts]) for end in ("first", "last")
    )
    mine = _slice(covered, int(firsts.min()), int(lasts.max()))
    if (firsts == lasts).any() or len(mine.intervals.overlaps()):
        return None
    lease, counts = lease_of_frames(mine, rows), [part.rows.num_rows for part in parts]
    least, most = covered.lease[firsts], covered.lease[lasts - 1]
    inside = (np.repeat(least, counts) <= lease) & (lease <= np.repeat(most, counts))
    if not inside.all() or (table == FRAMES_TABLE and _is_twice(rows)):
        return None
    return _count_frames(table, rows)


def _checked(parts: Sequence[PartRead]) -> pa.Table:
    """Return rows of parts of one table, each text once. Raises ValueError for what none has."""
    rows = pa.concat_tables([part.rows for part in parts])
    check_part_rows(rows, parts[0].table, columns_of(parts[0].table))
    return rows.unify_dictionaries().combine_chunks()


def _is_twice(rows: pa.Table) -> bool:
    """Return whether a frame of a video is there twice."""
    video, frame = as_numpy(rows["uri"].combine_chunks().indices), as_numpy(rows["frame"])
    order = np.lexsort((frame, video))
    same = (np.diff(video[order]) == 0) & (np.diff(frame[order]) == 0)
    return bool(same.any())


def _count_frames(table: str, rows: pa.Table) -> VerifiedObject:
    if table != FRAMES_TABLE:
        return VerifiedObject()
    counts = pc.value_counts(rows["uri"].cast(pa.string()))
    return VerifiedObject(frames=Counter({str(n["values"]): n["counts"].as_py() for n in counts}))


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
