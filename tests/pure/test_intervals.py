"""Spans of time axes: unions, differences and what is done, held against sets of ticks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.interval import Interval
from fleet.core.interval_set import EVER, DoneIntervals, IntervalTable, covers
from fleet.core.source import Source
from fleet.core.spans import Axes, Spans, inside, length, subtract, union

MOST = 40
Pairs = list[tuple[int, int]]


def pairs(largest: int = 12) -> st.SearchStrategy[Pairs]:
    """Draw stretches that may overlap, touch or repeat, in any order."""
    ends = st.tuples(st.integers(-MOST, MOST), st.integers(-MOST, MOST))
    return st.lists(ends.filter(lambda x: x[0] < x[1]), max_size=largest)


def spans(stretches: Pairs) -> Spans:
    """Merge stretches."""
    return union(*np.array(stretches, np.int64).reshape(-1, 2).T)


def ticks(stretches: Pairs | Spans) -> set[int]:
    """Spell stretches out."""
    return {tick for start, end in np.array(stretches).tolist() for tick in range(start, end)}


def check(found: Spans, expected: set[int]) -> None:
    """See that spans are the expected ticks, in order, apart, and none empty."""
    assert ticks(found) == expected
    assert found.dtype == np.int64
    assert (found[:, 0] < found[:, 1]).all()
    assert (found[:-1, 1] < found[1:, 0]).all()
    assert length(found) == len(expected)


@given(pairs())
def test_a_union_holds_every_tick_once(stretches: Pairs) -> None:
    """Whatever order they come in."""
    check(spans(stretches), ticks(stretches))


@given(pairs(), pairs())
def test_a_difference_holds_what_is_in_the_first_alone(first: Pairs, second: Pairs) -> None:
    """And nothing of what is in both."""
    check(subtract(spans(first), spans(second)), ticks(first) - ticks(second))


@given(pairs(), st.lists(st.integers(-MOST - 2, MOST + 2), max_size=20))
def test_points_and_stretches_are_found_in_spans(stretches: Pairs, points: list[int]) -> None:
    """Half-open: the start is inside, the end is not."""
    found = inside(spans(stretches), np.array(points, np.int64))
    assert found.tolist() == [point in ticks(stretches) for point in points]
    bounds = np.array(sorted(set(points)), np.int64)
    whole = covers(spans(stretches), bounds[:-1], bounds[1:])
    expected = [
        set(range(start, end)) <= ticks(stretches)
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
    assert whole.tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 3), pairs(5)), max_size=6))
def test_axes_keep_videos_apart(given_spans: list[tuple[int, Pairs]]) -> None:
    """One union over all videos is the union of each."""
    rows = [(video, *pair) for video, stretches in given_spans for pair in stretches]
    video, starts, ends = np.array(rows, np.int64).reshape(-1, 3).T
    axes = Axes(starts, ends)
    merged = union(axes.place(video, starts), axes.place(video, ends))
    for number in range(4):
        mine = axes.ticks(merged[axes.video(merged[:, 0]) == number])
        check(
            mine, {tick for v, stretches in given_spans if v == number for tick in ticks(stretches)}
        )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["v1", "v2"]), pairs(6))))
def test_what_is_done_is_kept_by_version(given_spans: list[tuple[str, str, Pairs]]) -> None:
    """A GOP is done when its whole span is, of that very version."""
    intervals = [
        Interval(uri, etag, *pair) for uri, etag, several in given_spans for pair in several
    ]
    done = DoneIntervals(intervals)
    bounds = np.arange(-MOST, MOST + 1, 5)
    for uri in "abc":
        for etag in ("v1", "v2"):
            expected = {
                t for u, e, several in given_spans if (u, e) == (uri, etag) for t in ticks(several)
            }
            check(done.spans(uri, etag), expected)
            gops = [set(range(start, start + 5)) <= expected for start in bounds[:-1].tolist()]
            assert done.covers(Source(uri, 1, etag), bounds).tolist() == gops


@given(st.lists(st.tuples(st.sampled_from("ab"), pairs(6))))
def test_overlaps_are_the_rows_that_share_a_tick_with_one_before(
    given_spans: list[tuple[str, Pairs]],
) -> None:
    """Without them, none is left; touching is no overlap."""
    table = IntervalTable.of(
        [Interval(uri, "v", *pair) for uri, several in given_spans for pair in several]
    )
    overlapping = table.overlaps()
    by_start = sorted(
        range(len(table)), key=lambda n: (table.version[n], table.starts[n], table.ends[n], n)
    )
    seen: dict[int, int] = {}
    expected = []
    for row in by_start:
        version, start, end = int(table.version[row]), int(table.starts[row]), int(table.ends[row])
        if start < seen.get(version, -MOST - 1):
            expected.append(row)
        seen[version] = max(end, seen.get(version, end))
    assert overlapping.tolist() == sorted(expected)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_video_refused_is_covered_for_ever(version: str) -> None:
    """Its interval reaches past every pts that a container can hold."""
    done = DoneIntervals([Interval("a", "v1", -EVER, EVER)])
    bounds = np.array([-(2**61), 0, 2**61], np.int64)
    assert done.covers(Source("a", 1, version), bounds).all() == (version == "v1")


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=6),
    st.integers(0, 35),
    st.integers(1, 9),
)
def test_a_stretch_is_had_where_all_of_it_is_done(
    spans: list[tuple[int, int]], start: int, length_: int
) -> None:
    """Tick by tick, whatever spans it is made of."""
    done = DoneIntervals([Interval("a", "v", s, s + n) for s, n in spans])
    ticks = {tick for s, n in spans for tick in range(s, s + n)}
    wanted = Interval("a", "v", start, start + length_)
    assert done.has(wanted) == (set(range(start, start + length_)) <= ticks)
    assert not done.has(Interval("a", "w", start, start + length_))
