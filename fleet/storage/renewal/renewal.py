"""Keys that are valid for a while: kept as long as they may be, and asked for again in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from fleet.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from obstore.store import S3Credential  # exists for type checkers only

_OBSTORE_ASKS_AGAIN = timedelta(minutes=1)
"""obstore asks with each request for keys that last less than minutes, which costs nothing here."""
_LONGEST_S = 3600.0
_EXACT_S = 1 / 64
_OF_NEW, _OF_SAME = 3 / 4, 1 / 4
"""After which share of the time that keys are still valid their giver is asked again: of new ones,
and of those that it gave before, or could not renew."""
_PAUSE_S = 0.25
"""So long at least a giver is left alone that gave no new keys."""


class Giver(Protocol):
    """Who gives keys, such as boto3, which renews them minutes before they expire."""

    def __call__(self) -> S3Credential:
        """Return keys; raise one of `troubles` where there are none."""

    def expires_within(self, seconds: float) -> bool:
        """Return whether the keys given last are valid for less than that from now on."""

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """What is raised where keys cannot be had."""


class Renewal:
    """The keys of one giver; used from several threads.

    boto3 asks its source with every request for keys that last less than ten minutes. Here the
    source is asked once in three quarters of their life, by one thread, while others go on with
    what they have. Where it fails, it is asked again after a pause, and only once the keys have
    expired is that an error.
    """

    def __init__(self, giver: Giver, clock: Clock = SYSTEM_CLOCK) -> None:
        self._giver = giver
        self._clock = clock
        self._kept: S3Credential | None = None
        self._ask_at_s = 0.0
        self._turn = threading.Lock()

    def __call__(self) -> S3Credential:
        """Return keys that are valid; raise one of the giver's troubles where there are none."""
        kept = self._kept
        if kept is None or self._is_due():
            kept = self._ask(kept)
        return {**kept, "expires_at": datetime.now(UTC) + _OBSTORE_ASKS_AGAIN}

    def _is_due(self) -> bool:
        return self._clock.steady_s() >= self._ask_at_s or self._giver.expires_within(0)

    def _ask(self, before: S3Credential | None) -> S3Credential:
        may_go_on = before is not None and not self._giver.expires_within(0)
        if not self._turn.acquire(blocking=not may_go_on):
            assert before is not None
            return before
        try:
            # Another thread may have been faster.
            if self._kept is None or self._is_due():
                self._kept = self._asked(self._kept)
            return self._kept
        finally:
            self._turn.release()

    def _asked(self, before: S3Credential | None) -> S3Credential:
        try:
            found = self._giver()
        except self._giver.troubles:
            if before is None or self._giver.expires_within(0):
                raise
            found = before
        is_new = before is None or found["token"] != before["token"]
        lasts_s = _longest(self._giver.expires_within)
        pause_s = _OF_NEW * lasts_s if is_new else max(_OF_SAME * lasts_s, _PAUSE_S)
        self._ask_at_s = self._clock.steady_s() + pause_s
        return found


def _longest(expires_within: Callable[[float], bool]) -> float:
    """Return for how many seconds keys are valid, an hour at most."""
    least, most = 0.0, _LONGEST_S
    if not expires_within(most):
        return most
    while most - least > _EXACT_S:
        middle = (least + most) / 2
        least, most = (least, middle) if expires_within(middle) else (middle, most)
    return least
