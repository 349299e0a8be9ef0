"""Comparing the rows of a stretch: those that an output holds, and those made once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fleet.core.format import plural, short
from fleet.parquet.arrays import booleans
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE

TOLERANCE = 1e-4
"""How far floats may be apart, absolutely or relative to the stored one: ONNX Runtime computes with
what the processor has, and another kind of processor rounds otherwise. All else is to be equal."""
AGAIN = "when decoded again"


@dataclass(frozen=True, eq=False)
class WantedFrames:
    """The frames of a stretch that the job wants."""

    frames: NDArray[np.int64]
    """Their numbers, rising: int64 [n]."""
    pts: NDArray[np.int64]
    """When each is shown: int64 [n]."""


@dataclass(frozen=True)
class Comparison:
    """How the rows of a stretch agree."""

    frames: int
    """Frames that the job wants."""
    rows: int
    """Rows of the job's table that were compared."""
    rounded: int
    """Rows of these that are the same only within TOLERANCE."""
    lost: int
    """Frames that are recorded as lost, and were lost again."""
    readable: Mapping[int, str]
    """Frames that are recorded as lost, and can be read now: number -> the recorded error."""
    differences: Mapping[int, str]
    """Frames that differ: number -> how, as a sentence."""


def compare(
    wanted: WantedFrames, stored: Mapping[str, pa.Table], made: Mapping[str, pa.Table]
) -> Comparison:
    """Compare the tables that an output holds of a stretch with those made once more, by name."""
    frames = wanted.frames
    here, there = (_numbers(tables[FRAMES_TABLE]) for tables in (stored, made))
    is_stored, is_made = np.isin(frames, here), np.isin(frames, there)
    lost = dict(_losses(stored[ERRORS_TABLE], wanted, ~is_stored))
    reason = dict(_losses(made[ERRORS_TABLE], wanted, ~is_made))
    unwanted = np.setdiff1d(here, frames).tolist()
    differences = dict.fromkeys(unwanted, "it is there, and is not wanted")
    for number, one, other in zip(frames.tolist(), is_stored, is_made, strict=True):
        if one and not other:
            differences[number] = f"it is there, and lost {AGAIN}: {reason.get(number)}"
        elif not one and number not in lost:
            differences[number] = "it is neither there nor recorded as lost"
    both = frames[is_stored & is_made]
    rounded = rows = 0
    # The job's own table first: of a frame with other rows, the count in frames/ says less.
    for name in sorted(made.keys() - {ERRORS_TABLE}, key=FRAMES_TABLE.__eq__):
        pair = _of_frames(stored[name], both), _of_frames(made[name], both)
        found = _compare_rows(*pair, both)
        differences = {**found.differences, **differences}
        if name != FRAMES_TABLE:
            rows, rounded = pair[1].num_rows, found.rounded
    again = {number: lost[number] for number in frames[is_made].tolist() if number in lost}
    return Comparison(len(frames), rows, rounded, len(lost) - len(again), again, differences)


def _losses(
    errors: pa.Table, wanted: WantedFrames, missing: NDArray[np.bool_]
) -> Iterator[tuple[int, str]]:
    """Yield the missing frames that a recorded loss covers, each with the name of the error."""
    for row in errors.select(["start_pts", "end_pts", "name"]).to_pylist():
        covered = missing
        if row["start_pts"] is not None:
            covered = missing & (row["start_pts"] <= wanted.pts) & (wanted.pts < row["end_pts"])
        for number in wanted.frames[covered].tolist():
            yield number, row["name"]


@dataclass(frozen=True)
class _RowsCompared:
    differences: Mapping[int, str]
    rounded: int


def _compare_rows(stored: pa.Table, made: pa.Table, frames: NDArray[np.int64]) -> _RowsCompared:
    """Compare the rows of frames that are in both tables; rows of a frame keep their order."""
    counts = [_counts(table, frames) for table in (stored, made)]
    differences = {
        number: f"it has {plural(one, 'row')}, and {other:,} {AGAIN}"
        for number, one, other in zip(frames.tolist(), *(c.tolist() for c in counts), strict=True)
        if one != other
    }
    alike = frames[counts[0] == counts[1]]
    stored, made = _of_frames(stored, alike), _of_frames(made, alike)
    numbers = _numbers(made)
    rounded = np.zeros(len(numbers), np.bool_)
    for name in made.column_names:
        one, other = _plain(stored[name]), _plain(made[name])
        differs, rounds = _compare_values(one, other)
        rounded |= rounds
        for row in np.flatnonzero(differs).tolist():
            values = f"{_text(one[row].as_py())}, and {_text(other[row].as_py())} {AGAIN}"
            differences.setdefault(int(numbers[row]), f"{name} {values}")
    return _RowsCompared(differences, int(rounded.sum()))


def _compare_values(
    stored: pa.ChunkedArray, made: pa.ChunkedArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which values differ, and which are the same only within TOLERANCE: bool [rows]."""
    nothing = np.zeros(len(made), np.bool_)
    if stored.equals(made):
        return nothing, nothing
    if not pa.types.is_floating(made.type):
        pairs = zip(stored.to_pylist(), made.to_pylist(), strict=True)
        # NaN in a list is not equal to itself, but reads the same.
        return np.array([a != b and repr(a) != repr(b) for a, b in pairs], np.bool_), nothing
    known = [~column.is_null().to_numpy() for column in (stored, made)]
    one, other = stored.to_numpy().astype(np.float64), made.to_numpy().astype(np.float64)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    near = np.isclose(other, one, rtol=TOLERANCE, atol=TOLERANCE) & ~same
    alike = known[0] == known[1]
    return ~(alike & (same | near)), alike & near


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without its dictionary: equal texts may be numbered otherwise."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def _of_frames(table: pa.Table, frames: NDArray[np.int64]) -> pa.Table:
    """Return the rows of some frames, by frame number, those of a frame as they come."""
    numbers = _numbers(table)
    chosen = table.filter(booleans(np.isin(numbers, frames)))
    return chosen.take(np.argsort(_numbers(chosen), kind="stable"))


def _counts(table: pa.Table, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many rows each of some frames, rising, has in a table of these alone."""
    return np.bincount(np.searchsorted(frames, _numbers(table)), minlength=len(frames))


def _numbers(table: pa.Table) -> NDArray[np.int64]:
    return np.asarray(table["frame"].to_numpy(), np.int64)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return plural(len(value), "byte")
    return f"{value:.6g}" if isinstance(value, float) else short(str(value), 40)
