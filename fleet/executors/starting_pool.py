"""A pool that is made in a thread, as what it needs takes seconds to start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

from fleet.core.progress import Progress
from fleet.core.run_events import DevicesAwaited, Event
from fleet.executors.pool import Pool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate

_NONE = DevicesAwaited(0, 0)


class StartingPool:
    """A pool that is being made; until it is there, no device comes.

    So the work is planned, and what there is to do is said, while it starts. Where it cannot be
    made, `poll` raises why; a run that has nothing to do never asks.
    """

    def __init__(self, making: Future[Pool], on_wait: Callable[[], None] = lambda: None) -> None:
        """Take a pool that is being made; `on_wait`: called where its end has to wait for that."""
        self._making = making
        self._on_wait = on_wait
        self._pool: Pool | None = None
        self._wanted = 0
        self._awaited = _NONE

    @property
    def capacity(self) -> int:
        """See Pool; as many as are wanted, until more is known."""
        return self._wanted if self._pool is None else self._pool.capacity

    def set_target(self, devices: int) -> None:
        """See Pool."""
        self._wanted = devices
        if self._pool is not None:
            self._pool.set_target(devices)

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        if self._pool is not None:
            self._pool.apply(command, order)

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool."""
        if self._pool is not None:
            self._pool.tell(command)

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool; raises what making it raised."""
        if self._pool is not None:
            return self._pool.poll(timeout_s)
        if wait([self._making], timeout_s).done:
            self._pool = self._making.result()
            self._pool.set_target(self._wanted)
        return []

    def progress(self) -> Sequence[Progress | DevicesAwaited]:
        """See Pool; until it is there, all that are wanted are on their way."""
        # From then on the pool counts, which begins at none.
        awaited = DevicesAwaited(self._wanted, 0) if self._pool is None else _NONE
        news = [] if awaited == self._awaited else [awaited]
        self._awaited = awaited
        return news if self._pool is None else [*news, *self._pool.progress()]

    def close(self) -> None:
        """Wait until it is made, and close it."""
        if not self._making.done():
            self._on_wait()
        if self._making.exception() is None:
            self._making.result().close()
