"""A plan is made ahead of who takes it, and ends with who wanted it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
from window_runs import interrupt

from fleet.core.source import Source
from fleet.driver.preparing import background, prepare
from fleet.driver.preparing.background import TaskCancelled, in_background
from fleet.errors import StorageError


def test_what_is_made_ahead_ends_with_who_takes_it() -> None:
    """Its errors come to whoever takes it; it is closed, though nobody asks for the rest."""
    ended: list[str] = []

    def make(on_progress: Callable[[int], None]) -> Generator[int, None, None]:
        try:
            yield 1
            on_progress(1)
            yield 2
        except TaskCancelled:
            ended.append("cancelled")
            raise
        finally:
            ended.append("closed")

    with in_background(make) as ahead:
        assert ahead.wait() == 1
        assert ahead.take() is None
    assert ended == ["closed"]

    def fail(_: Callable[[int], None]) -> Generator[int, None, None]:
        yield 1
        raise StorageError("the store is away")

    with in_background(fail) as ahead:
        assert ahead.wait() == 1
        with pytest.raises(StorageError, match="away"):
            ahead.wait()


def test_who_interrupts_twice_does_not_wait_for_what_is_in_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second interrupt comes out as one, though a thread is in the middle of an item."""
    begun, goes_on = threading.Event(), threading.Event()

    class Impatient(ThreadPoolExecutor):
        def shutdown(self, *_: object, **__: object) -> None:
            super().shutdown(wait=False)
            interrupt()

    def make(_: Callable[[int], None]) -> Generator[int, None, None]:
        begun.set()
        goes_on.wait()
        yield 1

    monkeypatch.setattr(background, "ThreadPoolExecutor", Impatient)
    try:
        with pytest.raises(KeyboardInterrupt), in_background(make):  # noqa: PT012
            begun.wait()
            interrupt()
    finally:
        goes_on.set()


def test_a_file_that_takes_long_is_not_waited_for_where_nobody_wants_the_others() -> None:
    """Those behind it are not begun any more once that is told."""
    begun: list[str] = []
    goes_on = threading.Event()

    def look(source: Source) -> str:
        begun.append(source.uri)
        assert goes_on.wait(60), "it is waited for"
        return source.uri

    def cancel(_: int) -> None:
        raise TaskCancelled

    with ThreadPoolExecutor(1) as threads:
        found = prepare._in_order(threads, look, [Source(str(n), 1, "1") for n in range(3)], cancel)
        try:
            with pytest.raises(TaskCancelled):
                next(found)
        finally:
            goes_on.set()
    assert begun == ["0"]
