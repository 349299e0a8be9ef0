"""A worker's signs of life."""

from __future__ import annotations

from types import TracebackType


class Liveness:
    """Counts the steps of the work, each of which is short; read from other threads.

    `beats`: a packet fed, a batch looked at, an object read, a lease put. `waiting`: the store is
    asked just now, which ends by the store's own time limits, however long that takes.
    """

    def __init__(self) -> None:
        self.beats = 0
        self.waiting = False
        self._wait = _Wait(self)

    def tick(self) -> None:
        """Count a step."""
        self.beats += 1

    def waiting_on_storage(self) -> _Wait:
        """Return a context manager: within it the store is waited for, as one step."""
        return self._wait


class _Wait:
    """Waiting for the store; every packet is waited for, so that it is made once."""

    __slots__ = ("_pulse",)

    def __init__(self, pulse: Liveness) -> None:
        self._pulse = pulse

    def __enter__(self) -> None:
        self._pulse.waiting = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pulse.waiting = False
        self._pulse.beats += 1
