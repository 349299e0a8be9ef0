"""Which stretches of an output stay when it is cleared; no I/O."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fleet.core.interval_set import IntervalTable
from fleet.core.source import split_stream
from fleet.core.spans import NO_SPANS, Spans, subtract, union
from fleet.table.commits.record_table import Covered


def kept_of(covered: Covered, versions: Mapping[str, str]) -> Covered:
    """Return what is to stay: of the present version of each video, each stretch once.

    `versions`: uri -> etag of the videos as they are now.
    """
    intervals = covered.intervals
    current = np.array(
        [versions.get(split_stream(uri)[0], etag) == etag for uri, etag in intervals.versions], bool
    )
    fresh = current[intervals.version] if len(intervals) else np.zeros(0, np.bool_)
    return _once(Covered(intervals.take(fresh), covered.lease[fresh]))


def _once(covered: Covered) -> Covered:
    """Return it less what an earlier lease covers, whatever version of the video that is of."""
    video = _videos(covered.intervals)
    among = shared_videos(covered.intervals)
    if not among.any():
        return covered
    columns: list[tuple[int, int, int, int]] = []
    taken: dict[int, Spans] = {}
    for row in np.flatnonzero(among).tolist():
        span = np.array([[covered.intervals.starts[row], covered.intervals.ends[row]]], np.int64)
        before = taken.get(int(video[row]), NO_SPANS)
        for start, end in subtract(span, before).tolist():
            columns.append((int(covered.intervals.version[row]), start, end, row))
        taken[int(video[row])] = union(*np.concatenate((before, span)).T)
    version, starts, ends, rows = np.array(columns, np.int64).reshape(-1, 4).T
    alone = covered.intervals.take(~among)
    table = IntervalTable(
        covered.intervals.versions,
        np.concatenate((alone.version, version)),
        np.concatenate((alone.starts, starts)),
        np.concatenate((alone.ends, ends)),
    )
    return Covered(table, np.concatenate((covered.lease[~among], covered.lease[rows])))


def shared_videos(intervals: IntervalTable) -> NDArray[np.bool_]:
    """Mark the intervals of videos of which some stretch is covered twice, in any versions."""
    video = _videos(intervals)
    as_one = IntervalTable((), video, intervals.starts, intervals.ends)
    return np.isin(video, video[as_one.overlaps()])


def _videos(intervals: IntervalTable) -> NDArray[np.int64]:
    """Number the video of each interval, one number for all its versions."""
    numbers: dict[str, int] = {}
    of_version = [numbers.setdefault(uri, len(numbers)) for uri, _ in intervals.versions]
    return np.array(of_version, np.int64)[intervals.version]


def changed_leases(before: Covered, kept: Covered, leases: int) -> NDArray[np.int64]:
    """Return the leases of which not all is kept: rows, int64."""

    def ticks(covered: Covered) -> NDArray[np.float64]:
        lengths = covered.intervals.ends.astype(np.float64) - covered.intervals.starts
        return np.bincount(covered.lease, lengths, minlength=leases).astype(np.float64)

    return np.flatnonzero(ticks(kept) < ticks(before))
