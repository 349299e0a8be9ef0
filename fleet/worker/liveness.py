"""A worker's signs of life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Liveness:
    """Counts the steps of the work, each of which is short; read from other threads.

    `beats`: a packet fed, a batch looked at, an object read, a lease put. One thread may wait for
    the store while another one looks at pictures.
    """

    def __init__(self) -> None:
        self.beats = 0
        self._waits = False
        self._looks = False
        self._turn = Lock()

    @property
    def waiting(self) -> bool:
        """Whether the store is asked just now, and nothing else is done.

        That ends by the store's own time limits, however long it takes.
        """
        return self._waits and not self._looks

    def tick(self) -> None:
        """Count a step."""
        with self._turn:
            self.beats += 1

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Have the job look at pictures, which is no waiting, whatever else waits meanwhile."""
        self._looks = True
        try:
            yield
        finally:
            self._looks = False

    @contextmanager
    def waiting_on_storage(self) -> Iterator[None]:
        """Wait for the store, as one step."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
            self.tick()
