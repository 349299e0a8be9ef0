"""A worker's signs of life."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from types import TracebackType


class Liveness:
    """Counts the steps of the work, each of which is short; read from other threads.

    `beats`: a packet fed, a batch looked at, an object read, a lease put. One thread may wait for
    the store while another one looks at pictures. Meanwhile only the latter's steps count: those
    of a thread that decodes ahead say nothing of a job that hangs.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.waits = False
        """Whether the store is asked, whatever else is done meanwhile."""
        self._looking: int | None = None
        """The thread in which the job looks at pictures."""
        self._wait = _Wait(self)
        self._turn = Lock()

    @property
    def waiting(self) -> bool:
        """Whether the store is asked just now, and nothing else is done.

        That ends by the store's own time limits, however long it takes.
        """
        return self.waits and self._looking is None

    def tick(self) -> None:
        """Count a step, unless the job looks at pictures in another thread."""
        with self._turn:
            if self._looking in {None, get_ident()}:
                self.beats += 1

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Have the job look at pictures, which is no waiting, whatever else waits meanwhile."""
        with self._turn:
            self._looking = get_ident()
        try:
            yield
        finally:
            self._looking = None

    def waiting_on_storage(self) -> _Wait:
        """Return a context manager: within it the store is waited for, as one step."""
        return self._wait


class _Wait:
    """Waiting for the store; every packet is waited for, so that it is made once."""

    __slots__ = ("_pulse",)

    def __init__(self, pulse: Liveness) -> None:
        self._pulse = pulse

    def __enter__(self) -> None:
        self._pulse.waits = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pulse.waits = False
        self._pulse.tick()
