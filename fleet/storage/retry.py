"""Retries: after busy answers, resets, timeouts and short reads; never after a refusal."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fleet.core.format import duration
from fleet.errors import StorageError, StorageRefusedError
from fleet.storage.location import at
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat, Store

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How long requests are retried, and how long to wait before each attempt.

    The wait doubles from `first_s` to `longest_s`. A random part of up to half of it is left out,
    so that many workers do not come back at the same time.
    """

    known_s: float = 120.0
    """Seconds of retries for a store that has answered before: it may be down for a while."""
    unknown_s: float = 5.0
    """Seconds of retries for a store that never has: more likely its address is wrong."""
    first_s: float = 0.2
    """Seconds to wait after the first failure."""
    longest_s: float = 10.0
    """Seconds to wait at most."""
    say_s: float = 30.0
    """Seconds after which people are told of a store that has not answered, and told again."""

    def wait_s(self, attempt: int, chance: float) -> float:
        """Return how long to wait after failure `attempt` (from 0); `chance`: 0 <= chance < 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(attempt, 32)) * (1 - chance / 2)


class Retrying:
    """A store whose requests are retried. See Store.

    It detects short reads as well, and tells a conditional put whose response was lost from one
    that was refused, by reading the object.
    """

    def __init__(
        self,
        store: Store,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = store.name
        self._store = store
        self._policy = policy or RetryPolicy()
        self._sleep = sleep
        self._clock = clock
        self._has_answered = False
        self._silent_since_s: float | None = None
        self._said_s = 0.0

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; where a page fails, the listing resumes after the last name."""
        last, began_s, failures = after, self._clock(), 0
        while True:
            try:
                for stat in self._store.list(folder, last):
                    self._hear()
                    yield stat
                    last, began_s, failures = stat.path, self._clock(), 0
            except StorageError as error:
                self._wait(error, began_s, failures)
                failures += 1
            else:
                self._hear()
                return

    def stat(self, path: str) -> Stat:
        """See Store."""
        return self._retry(lambda: self._store.stat(path))

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store; a short read is retried."""

        def whole() -> ReadResult:
            result = self._store.read(path, start, end, etag)
            stop = result.size if end is None else min(end, result.size)
            missing = max(0, stop - start) - len(result.data)
            if missing:
                message = f"{at(self.name, path)}: {missing} of {stop - start} bytes did not come."
                raise StorageError(message)
            return result

        return self._retry(whole)

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        self._retry(lambda: self._store.put(path, data))

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        return self._retry_conditional(path, data, lambda: self._store.create(path, data))

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        return self._retry_conditional(path, data, lambda: self._store.replace(path, data, version))

    def _retry_conditional(self, path: str, data: bytes, put: Callable[[], str]) -> str:
        try:
            return self._retry(put)
        except PreconditionFailedError:
            # The object may be that of this call, written by an attempt whose response was lost.
            try:
                result = self.read(path)
            except FileNotFoundError:
                raise PreconditionFailedError(path) from None
            if result.data != data:
                raise
            return self.version(result)

    def version(self, result: ReadResult) -> str:
        """See Store."""
        return self._store.version(result)

    def delete(self, path: str) -> None:
        """See Store."""
        self._retry(lambda: self._store.delete(path))

    def _retry(self, request: Callable[[], _Result]) -> _Result:
        began_s, failures = self._clock(), 0
        while True:
            try:
                result = request()
            except (FileNotFoundError, PreconditionFailedError):
                self._hear()
                raise
            except StorageError as error:
                self._wait(error, began_s, failures)
                failures += 1
            else:
                self._hear()
                return result

    def _hear(self) -> None:
        self._has_answered = True
        self._silent_since_s = None

    def _tell(self, error: StorageError) -> None:
        """Tell people of a store that has not answered any request for a while."""
        now_s = self._clock()
        if self._silent_since_s is None:
            self._silent_since_s = self._said_s = now_s
        if now_s - self._said_s >= self._policy.say_s:
            self._said_s = now_s
            silent = duration(now_s - self._silent_since_s)
            _LOG.warning("fleet: nothing was done for %s, asking again: %s", silent, error)

    def _wait(self, error: StorageError, began_s: float, failures: int) -> None:
        """Wait before the next attempt; raises the error where there is no further attempt."""
        if isinstance(error, StorageRefusedError):
            raise error
        policy = self._policy
        wait_s = policy.wait_s(failures, random.random())  # noqa: S311 - no secret hangs on it
        window_s = policy.known_s if self._has_answered else policy.unknown_s
        if self._clock() - began_s + wait_s > window_s:
            raise error
        self._tell(error)
        self._sleep(wait_s)
