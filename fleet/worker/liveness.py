"""A worker's signs of life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Liveness:
    """Counts the steps of the work, each of which is short; read from other threads.

    `beats`: a packet fed, a batch looked at, an object read, a lease put. `waiting`: the store is
    asked just now, which ends by the store's own time limits, however long that takes.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.waiting = False

    def tick(self) -> None:
        """Count a step."""
        self.beats += 1

    @contextmanager
    def waiting_on_storage(self) -> Iterator[None]:
        """Wait for the store, as one step."""
        self.waiting = True
        try:
            yield
        finally:
            self.waiting = False
            self.beats += 1
