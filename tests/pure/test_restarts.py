"""Times that start again go on; a single one that is wrong is no restart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.containers.timestamps import continued


@given(st.integers(3, 40), st.integers(4, 40), st.integers(0, 5), st.booleans())
def test_times_that_start_again_anywhere_go_on(
    first: int, second: int, begin: int, key: bool
) -> None:
    """With a key there or not, as long as several times are behind and before it."""
    dts = np.concatenate((np.arange(first) + 6, np.arange(second) + begin)) * 40
    keys = np.zeros(len(dts), np.bool_)
    keys[first] = key
    moved, restarts = continued(dts, dts, keys, np.ones(len(dts), np.bool_), 40.0)
    assert restarts == 1
    assert moved.tolist() == (240 + np.arange(len(dts)) * 40).tolist()


@given(st.integers(2, 40), st.integers(0, 39), st.integers(-(10**9), 10**9))
def test_a_single_wrong_time_moves_nothing(count: int, at: int, wrong: int) -> None:
    """Wherever it is, and wherever it leads."""
    dts = np.arange(count) * 40
    dts[at % count] = wrong
    none = np.zeros(count, np.bool_)
    moved, restarts = continued(dts, dts, none, ~none, 40.0)
    assert restarts == 0
    assert moved.tolist() == dts.tolist()
