"""Items made in a thread of its own, one ahead, while who takes them does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from fleet.errors import FleetError

Item = TypeVar("Item")
Making = Callable[[Callable[[int], None]], Generator[Item, None, None]]
"""Makes items one after the other. It gets a function to call now and then with how far it is; the
call raises TaskCancelled once nobody wants them any more."""


class TaskCancelled(BaseException):
    """The caller went away: the task has to end, and nobody asks how."""


class Ahead(Generic[Item]):
    """Items of which the next one is made before it is asked for; for one thread."""

    def __init__(self, items: Iterator[Item], threads: ThreadPoolExecutor) -> None:
        self._items = items
        self._threads = threads
        self._next: Future[Item | None] | None = None

    def ask(self) -> None:
        """Have the next item made, unless that is being done already."""
        if self._next is None:
            self._next = self._threads.submit(next, self._items, None)

    def take(self) -> Item | None:
        """Return the next item where it was asked for and is made; raises what making it raised."""
        return self.wait() if self._next is not None and self._next.done() else None

    def wait(self) -> Item:
        """Wait for the next item and return it; raises what making it raised."""
        self.ask()
        assert self._next is not None
        item = self._next.result()
        self._next = None
        if item is None:
            raise LookupError("there is no further item")
        return item


@contextmanager
def in_background(make: Making[Item]) -> Iterator[Ahead[Item]]:
    """Make items in a thread of its own for as long as the context lasts; the first one at once.

    Once the caller has left, for instance because of an interrupt from the keyboard, the making
    ends as soon as it tells how far it is. Who interrupts that as well does not wait for it.
    """
    left = threading.Event()

    def on_progress(_: int) -> None:
        if left.is_set():
            raise TaskCancelled

    items = make(on_progress)
    threads = ThreadPoolExecutor(1, thread_name_prefix="background")
    ahead = Ahead(items, threads)
    ahead.ask()
    try:
        yield ahead
    finally:
        left.set()
        threads.shutdown()
        # Only now, as nobody can close what a thread is in. What it has open is closed, though
        # nobody waits for the rest.
        with suppress(FleetError):
            items.close()
