"""Presentation times are repaired where they are missing or contradict the display order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.containers.timestamps import NO_PTS, consistent, repaired


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """An int64 array."""
    return np.array(values, np.int64)


def test_times_in_display_order_agree() -> None:
    """Reordered packets whose times rise in display order are right as they are."""
    assert consistent(ints(0, 30, 10, 20), ints(0, 3, 1, 2))
    assert not consistent(ints(0, 10, 20, 30), ints(0, 3, 1, 2))
    assert not consistent(ints(0, NO_PTS), ints(0, 1))


def test_a_missing_time_lies_between_its_neighbours() -> None:
    """In display order, not in decode order."""
    found = repaired(ints(0, 30, NO_PTS, 20), ints(0, 3, 1, 2), 10)
    assert found is not None
    assert found.tolist() == [0, 30, 10, 20]


def test_missing_ends_go_on_at_the_average_step() -> None:
    """Before the first and after the last known time."""
    found = repaired(ints(NO_PTS, 100, 110, NO_PTS), ints(0, 1, 2, 3), 99)
    assert found is not None
    assert found.tolist() == [90, 100, 110, 120]


def test_one_known_time_is_enough() -> None:
    """The frame rate gives the rest."""
    found = repaired(ints(NO_PTS, 100, NO_PTS), ints(0, 1, 2), 40)
    assert found is not None
    assert found.tolist() == [60, 100, 140]


def test_a_flipped_bit_is_repaired() -> None:
    """One time out of order, among many."""
    found = repaired(ints(0, 10, 20, 65566, 40, 50), np.arange(6), 10)
    assert found is not None
    assert found.tolist() == [0, 10, 20, 30, 40, 50]


def test_decode_times_are_assigned_in_display_order() -> None:
    """Some muxers write them where presentation times belong."""
    found = repaired(ints(0, 10, 20, 30), ints(0, 3, 1, 2), 10)
    assert found is not None
    assert found.tolist() == [0, 30, 10, 20]


def test_another_clock_is_no_damage() -> None:
    """A recording joined to another, whose times start again, cannot be repaired."""
    assert repaired(ints(*range(0, 200, 10), *range(0, 200, 10)), np.arange(40), 10) is None


@given(st.lists(st.integers(1, 50), min_size=2, max_size=60), st.data())
def test_repaired_times_rise_and_keep_what_is_known(steps: list[int], data: st.DataObject) -> None:
    """Whatever is missing: known times stay, and all rise in display order."""
    times = np.cumsum(np.array(steps, np.int64))
    ranks = np.array(data.draw(st.permutations(range(len(steps)))))
    pts = times[ranks]
    lost = np.array(data.draw(st.lists(st.booleans(), min_size=len(pts), max_size=len(pts))))
    lost[0] = False
    found = repaired(np.where(lost, NO_PTS, pts), ranks, 5)
    assert found is not None
    assert (found[~lost] == pts[~lost]).all()
    assert (np.diff(found[np.argsort(ranks)]) >= 0).all()
