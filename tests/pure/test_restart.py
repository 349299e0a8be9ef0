"""When a driver that ended is started again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.submit.restart_policy import (
    LONGEST_WAIT_S,
    MOST_IN_VAIN,
    RestartHistory,
    how_it_ended,
    is_final,
)


def test_a_driver_is_not_started_again_for_what_stays_as_it_is() -> None:
    """All there, failed, bad usage, with errors: final. A signal or a passing trouble is not."""
    assert [is_final(code) for code in (0, 1, 2, 3)] == [True] * 4
    assert [is_final(code) for code in (-9, -11, -15, 15, 75)] == [False] * 5


def test_waits_grow_while_nothing_comes_of_it_and_start_anew_with_progress() -> None:
    """1, 2, 4 s in vain; after frames were done, 1 s again."""
    lives, waits = RestartHistory(frames=100), []
    for frames in (100, 100, 100, 180, 180):
        lives = lives.after(frames)
        waits.append(lives.wait_s)
    assert waits == [1.0, 2.0, 4.0, 1.0, 1.0]


def test_it_is_given_up_after_so_many_lives_in_vain() -> None:
    """As many restarts as are allowed, no more."""
    lives = RestartHistory()
    for _ in range(MOST_IN_VAIN):
        lives = lives.after(0)
        assert lives.may_go_on
    assert not lives.after(0).may_go_on


@given(st.lists(st.integers(0, 10**12), max_size=200))
def test_whatever_is_told_the_wait_is_bounded_and_progress_revives(told: list[int]) -> None:
    """Frames may even be told to be fewer than before: that is no progress, and no harm."""
    lives = RestartHistory()
    for frames in told:
        before = lives
        lives = lives.after(frames)
        assert 0 < lives.wait_s <= LONGEST_WAIT_S
        assert (lives.in_vain == 0) == (frames > before.frames)
    assert lives.count == len(told)
    assert lives.after(lives.frames + 1).may_go_on


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "was killed by SIGKILL"),
        (75, "ended with exit code 75"),
        (-250, "was killed by signal 250"),
    ],
)
def test_how_it_ended_is_said_in_words(code: int, words: str) -> None:
    """Signals by their names, where they have one."""
    assert how_it_ended(code) == words
