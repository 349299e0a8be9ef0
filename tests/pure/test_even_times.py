"""Whether times have a hole in which another picture might be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.index import PacketTable
from fleet.video.probe.scanned_times import Times
from fleet.video.stream import CONTAINER_CLOCK

FEW = st.lists(st.tuples(st.integers(-60, 60), st.booleans()), max_size=12)
ANY = st.lists(st.tuples(st.integers(-(2**62), 2**62), st.booleans()), max_size=12)


def table_of(rows: list[tuple[int, bool]]) -> PacketTable:
    """Return packets at some times, some of which are shown."""
    count = len(rows)
    numbers, flags = np.ones(count, np.int32), np.ones(count, np.bool_)
    pts = np.array([time for time, _ in rows], np.int64)
    shown = np.array([is_shown for _, is_shown in rows], np.bool_)
    at = np.arange(count)
    return PacketTable(at, numbers, numbers, numbers, pts, numbers, flags, flags, shown)


@given(st.one_of(FEW, ANY))
def test_times_are_even_where_no_step_is_half_as_long_again_as_the_middle_one(
    rows: list[tuple[int, bool]],
) -> None:
    """The middle one as NumPy has it; pictures of one time are one step."""
    table = table_of(rows)
    steps = np.diff(np.unique(table.pts[table.shown]))
    expected = len(steps) > 0 and int(steps.max()) * 2 < 3 * int(np.median(steps))
    assert Times(table.pts, Fraction(1, 90_000), CONTAINER_CLOCK).are_even(table) == expected


def test_times_that_no_container_gave_tell_of_no_hole() -> None:
    """They were made evenly."""
    table = table_of([(0, True), (1, True), (2, True)])
    assert not Times(table.pts, Fraction(1, 25), "assumed 25 frames a second").are_even(table)
