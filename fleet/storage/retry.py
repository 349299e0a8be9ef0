"""Asking a store again: after busy answers, resets, timeouts and short reads; never after a no."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fleet.errors import StorageError, StorageRefusedError
from fleet.storage.location import at
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat, Store

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How long a store is asked again, in seconds.

    `known_s`: one that has answered before; it may be down for a while. `unknown_s`: one that
    never has; more likely its address is wrong. The wait doubles from `first_s` to `longest_s`,
    and a random part of each is left out, so that many workers do not come back all at once.
    """

    known_s: float = 120.0
    unknown_s: float = 5.0
    first_s: float = 0.2
    longest_s: float = 10.0

    def wait_s(self, attempt: int, chance: float) -> float:
        """How long to wait after the `attempt`th failure (from 0); `chance`: 0 <= chance < 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(attempt, 32)) * (1 - chance / 2)


class Retrying:
    """A store that is asked again. See Store.

    It also is where short reads are found out, and where a conditional put whose answer was lost
    is told from one that was refused: by what stands there.
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

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; where a page fails, the listing goes on behind the last name."""
        last, began_s, failures = after, self._clock(), 0
        while True:
            try:
                for stat in self._store.list(folder, last):
                    self._has_answered = True
                    yield stat
                    last, began_s, failures = stat.path, self._clock(), 0
            except StorageError as error:
                self._wait(error, began_s, failures)
                failures += 1
            else:
                self._has_answered = True
                return

    def stat(self, path: str) -> Stat:
        """See Store."""
        return self._ask(lambda: self._store.stat(path))

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store; a short answer is none."""

        def whole() -> ReadResult:
            answer = self._store.read(path, start, end, etag)
            stop = answer.size if end is None else min(end, answer.size)
            missing = max(0, stop - start) - len(answer.data)
            if missing:
                message = f"{at(self.name, path)}: {missing} of {stop - start} bytes did not come."
                raise StorageError(message)
            return answer

        return self._ask(whole)

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        self._ask(lambda: self._store.put(path, data))

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        return self._ask_once_done(path, data, lambda: self._store.create(path, data))

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        return self._ask_once_done(path, data, lambda: self._store.replace(path, data, version))

    def _ask_once_done(self, path: str, data: bytes, put: Callable[[], str]) -> str:
        try:
            return self._ask(put)
        except PreconditionFailedError:
            # It may be ours: done by an attempt whose answer was lost.
            try:
                answer = self.read(path)
            except FileNotFoundError:
                raise PreconditionFailedError(path) from None
            if answer.data != data:
                raise
            return self.version(answer)

    def version(self, answer: ReadResult) -> str:
        """See Store."""
        return self._store.version(answer)

    def delete(self, path: str) -> None:
        """See Store."""
        self._ask(lambda: self._store.delete(path))

    def _ask(self, request: Callable[[], _Result]) -> _Result:
        began_s, failures = self._clock(), 0
        while True:
            try:
                result = request()
            except (FileNotFoundError, PreconditionFailedError):
                self._has_answered = True
                raise
            except StorageError as error:
                self._wait(error, began_s, failures)
                failures += 1
            else:
                self._has_answered = True
                return result

    def _wait(self, error: StorageError, began_s: float, failures: int) -> None:
        """Wait before the next attempt; raises the error where there is to be none."""
        if isinstance(error, StorageRefusedError):
            raise error
        policy = self._policy
        wait_s = policy.wait_s(failures, random.random())  # noqa: S311 - no secret hangs on it
        window_s = policy.known_s if self._has_answered else policy.unknown_s
        if self._clock() - began_s + wait_s > window_s:
            raise error
        self._sleep(wait_s)
