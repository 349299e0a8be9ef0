"""What the plan puts is tried for as long as leases are, and no longer than anybody wants it."""

from __future__ import annotations

import errno

import pytest
from hand_clock import HandClock

from fleet.driver.preparing.background import TaskCancelled
from fleet.driver.preparing.patience import LOOK_S, keep_trying
from fleet.errors import CredentialsRefusedError, StorageError
from fleet.executors.patient_pool import FIRST_WAIT_S, FULL_GIVE_UP_S, GIVE_UP_S, LONGEST_WAIT_S


class Store:
    """A store that refuses until a moment."""

    def __init__(self, until_s: float, error: StorageError | None = None) -> None:
        self.clock = HandClock()
        self.tries_s: list[float] = []
        self._from_s = self.clock.steady_s()
        self._until_s = until_s
        self._error = error or StorageError("It is away.")

    @property
    def now_s(self) -> float:
        """Since the beginning."""
        return self.clock.steady_s() - self._from_s

    def put(self) -> str:
        """Put something."""
        self.tries_s.append(self.now_s)
        if self.now_s < self._until_s:
            raise self._error
        return "put"


def test_what_is_refused_is_put_once_the_output_takes_it() -> None:
    """Tried further and further apart."""
    store = Store(200.0)
    assert keep_trying(store.put, store.clock, lambda: None) == "put"
    waits_s = [b - a for a, b in zip(store.tries_s, store.tries_s[1:], strict=False)]
    assert waits_s[0] == pytest.approx(FIRST_WAIT_S, abs=LOOK_S)
    assert waits_s == sorted(waits_s)
    assert waits_s[-1] <= LONGEST_WAIT_S + LOOK_S


def test_an_output_that_refuses_for_good_is_given_up() -> None:
    """With its own error."""
    store = Store(1e9)
    with pytest.raises(StorageError, match="It is away"):
        keep_trying(store.put, store.clock, lambda: None)
    assert GIVE_UP_S < store.now_s <= GIVE_UP_S + LONGEST_WAIT_S + LOOK_S


def test_an_output_without_room_is_given_up_soon() -> None:
    """As leases are: waiting makes no room."""
    full = StorageError("No space is left.")
    full.code = errno.ENOSPC
    store = Store(1e9, full)
    with pytest.raises(StorageError, match="No space"):
        keep_trying(store.put, store.clock, lambda: None)
    assert FULL_GIVE_UP_S < store.now_s <= 2 * FULL_GIVE_UP_S


def test_credentials_that_are_refused_are_not_waited_for() -> None:
    """Nor is anything else that stays as it is."""
    store = Store(1e9, CredentialsRefusedError("They are not valid."))
    with pytest.raises(CredentialsRefusedError):
        keep_trying(store.put, store.clock, lambda: None)
    assert store.tries_s == [0.0]


def test_who_waits_ends_with_the_run() -> None:
    """In the middle of a wait."""
    store = Store(1e9)

    def look() -> None:
        if store.now_s >= 1.0:
            raise TaskCancelled

    with pytest.raises(TaskCancelled):
        keep_trying(store.put, store.clock, look)
    assert store.now_s <= 1.0 + LOOK_S
