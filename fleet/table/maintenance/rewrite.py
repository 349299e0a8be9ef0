"""Rows and records of several leases brought together, less what is not to be kept; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import EVER
from fleet.core.receipt import Tally
from fleet.parquet.arrays import as_numpy, booleans, numbers, optional_numbers
from fleet.table.commits.record import CommitRecord
from fleet.table.commits.record_rows import records_of
from fleet.table.commits.record_table import Covered, covered, to_table
from fleet.table.maintenance.row_owner import NO_LEASE, IntervalLookup, lease_of_frames
from fleet.table.parts.builder import LABEL
from fleet.table.parts.columns import count_labels
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE, later_names
from fleet.table.state.video_manifest import Seconds

_CUT = ("start_pts", "end_pts", "start_s", "end_s", "frames")
"""What a loss says of its stretch."""


@dataclass(frozen=True, eq=False)
class Rewritten:
    """What is left of some leases: their records, and their rows by table, sorted."""

    records: pa.Table
    tables: Mapping[str, pa.Table]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of one table, and the lease of each: int64 [rows]."""

    table: pa.Table
    lease: NDArray[np.int64]

    def of(self, lease: int) -> pa.Table:
        return self.table.filter(booleans(self.lease == lease))


def keep(
    records: pa.Table, tables: Mapping[str, Sequence[pa.Table]], kept: Covered, seconds: Seconds
) -> Rewritten:
    """Bring leases together, less what `kept` does not cover.

    `records`: of leases that do not overlap; `tables`: their rows, in pieces, by table. `kept`:
    what to keep, its `lease` a row of `records`. A lease of which only some is kept gets another
    name, and its frames, rows and losses are counted again; the work that went into it stays
    counted whole.
    """
    left = {name: _left(name, pieces, kept) for name, pieces in tables.items() if pieces}
    carved = _carved(covered(records), kept, len(records))
    untouched = np.setdiff1d(np.unique(kept.lease), carved)
    recounted = [
        _recount(
            record, kept, lease, {name: rows.of(lease) for name, rows in left.items()}, seconds
        )
        for lease, record in zip(
            carved.tolist(), records_of(records.take(numbers(carved))), strict=True
        )
    ]
    return Rewritten(
        pa.concat_tables([records.take(numbers(untouched)), to_table(recounted)]),
        {name: _sorted(rows.table) for name, rows in left.items()},
    )


def _left(name: str, pieces: Sequence[pa.Table], kept: Covered) -> _Rows:
    table = pa.concat_tables(pieces).unify_dictionaries().combine_chunks()
    if name == ERRORS_TABLE:
        return _left_of_losses(table, kept)
    lease = lease_of_frames(kept, table)
    rows = np.flatnonzero(lease != NO_LEASE)
    return _Rows(table.take(numbers(rows)), lease[rows])


def _left_of_losses(errors: pa.Table, kept: Covered) -> _Rows:
    """Cut losses to what is kept; how many frames a cut one still costs, nobody knows."""
    stretches = IntervalLookup(kept)
    has_time = "time" in later_names(errors.schema)
    columns = [*_CUT, *(["time"] if has_time else [])]
    found: list[tuple[int, int, dict[str, Any]]] = []
    for row, loss in enumerate(_losses(errors, columns)):
        whole = loss["start_pts"] is None
        start, end = (-EVER, EVER) if whole else (loss["start_pts"], loss["end_pts"])
        for left, right, lease in stretches.within(loss["uri"], start, end):
            is_whole = (left, right) == (start, end)
            found.append((row, lease, loss if is_whole else _cut(loss, left, right)))
    table = errors.take(numbers(np.array([row for row, _, _ in found], np.int64)))
    for name in columns:
        kind = np.float64 if name.endswith("_s") else np.int64
        values = optional_numbers([loss[name] for _, _, loss in found], kind)
        table = _with_column(table, name, values)
    if has_time and "clock" in later_names(errors.schema):
        clock = table["clock"].cast(pa.string())
        known = pc.if_else(table["time"].is_valid(), clock, pa.scalar(None, pa.string()))
        table = _with_column(table, "clock", known.combine_chunks().dictionary_encode())
    return _Rows(table, np.array([lease for _, lease, _ in found], np.int64))


def _losses(errors: pa.Table, columns: Sequence[str]) -> list[dict[str, Any]]:
    """List the uri and `columns` of losses; the time in microseconds since 1970."""
    table = errors.select(["uri", *columns])
    if "time" in columns:
        place = table.column_names.index("time")
        table = table.set_column(place, "time", table["time"].cast(pa.int64()))
    losses: list[dict[str, Any]] = table.to_pylist()
    return losses


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.column_names.index(name)
    field = table.schema.field(place)
    return table.set_column(place, field, values.cast(field.type))


def _cut(loss: Mapping[str, Any], left: int, right: int) -> dict[str, Any]:
    start, end, start_s, end_s = (loss[name] for name in _CUT[:4])
    cut = {**loss, "start_pts": left, "end_pts": right, "frames": None}
    if start is None or start_s is None or end_s is None:
        return {**cut, "start_s": None, "end_s": None, "time": None}
    tick_s = (end_s - start_s) / (end - start)
    cut["start_s"] = start_s + (left - start) * tick_s
    cut["end_s"] = start_s + (right - start) * tick_s
    if cut.get("time") is not None:
        cut["time"] += _whole_us(cut["start_s"]) - _whole_us(start_s)
    return cut


def _whole_us(seconds: float) -> int:
    """Return seconds in microseconds, halves up.

    Those of a float are a little more or less than the ticks that it was made of: what lies in the
    middle of two microseconds is still found there in nanoseconds.
    """
    return (round(seconds * 1e9) + 500) // 1000


def _carved(before: Covered, kept: Covered, leases: int) -> NDArray[np.int64]:
    """List the leases of which something is kept, but not all."""

    def ticks(covered: Covered) -> NDArray[np.float64]:
        lengths = covered.intervals.ends.astype(np.float64) - covered.intervals.starts
        return np.bincount(covered.lease, lengths, minlength=leases).astype(np.float64)

    left = ticks(kept)
    return np.flatnonzero((left > 0) & (left < ticks(before)))


def _recount(
    record: CommitRecord,
    kept: Covered,
    lease: int,
    tables: Mapping[str, pa.Table],
    seconds: Seconds,
) -> CommitRecord:
    """Write the record of a lease of which only some is kept."""
    intervals = tuple(kept.intervals.take(kept.lease == lease))
    receipt = record.receipt
    video_s = receipt.tally.video_s * _share(intervals, receipt.intervals, seconds)
    tally = replace(receipt.tally, video_s=video_s, **_counts(tables, receipt.tally))
    name = LeaseNames(record.origin.job)(intervals)
    smaller = replace(receipt, lease=name, intervals=intervals, tally=tally, parts=())
    return replace(record, receipt=smaller, was=(*record.was, receipt.lease))


def _counts(tables: Mapping[str, pa.Table], before: Tally) -> dict[str, Any]:
    counts: dict[str, Any] = {"rows": 0, "errors": 0, "lost_frames": 0}
    for name, table in tables.items():
        if name == FRAMES_TABLE:
            counts["frames"] = table.num_rows
        elif name == ERRORS_TABLE:
            counts["errors"] = table.num_rows
            counts["lost_frames"] = pc.sum(table["frames"]).as_py() or 0
        else:
            counts["rows"] = table.num_rows
            if before.by_label and LABEL in table.column_names:
                counts["by_label"] = count_labels(table[LABEL].cast(pa.string()))
    return counts


def _share(left: Sequence[Interval], before: Sequence[Interval], seconds: Seconds) -> float:
    """How much of a lease's video time is left; in ticks where their length is not known."""
    known = all((i.uri, i.etag) in seconds for i in before)

    def length(intervals: Sequence[Interval]) -> float:
        return sum(
            (i.end_pts - i.start_pts) * (seconds[i.uri, i.etag] if known else 1.0)
            for i in intervals
        )

    return length(left) / length(before)


def _sorted(table: pa.Table) -> pa.Table:
    """Sort rows by (uri, frame) or (uri, start_pts), as the parts of single leases are."""
    uris = table["uri"].combine_chunks()
    names = uris.dictionary.to_pylist()
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    is_frames = "frame" in table.column_names
    at = table["frame"] if is_frames else table["start_pts"].fill_null(-EVER)
    return table.take(numbers(np.lexsort((as_numpy(at), rank[as_numpy(uris.indices)]))))
