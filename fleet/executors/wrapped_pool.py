"""A pool around another one, which passes everything on."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.core.progress import Progress
from fleet.core.run_events import DevicesAwaited
from fleet.executors.pool import Pool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign, Cancel, Release, SetNodeAside, Truncate


class WrappedPool:
    """What pools around another one have in common; they say for themselves what `poll` tells."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @property
    def capacity(self) -> int:
        """See Pool."""
        return self._pool.capacity

    def set_target(self, devices: int) -> None:
        """See Pool."""
        self._pool.set_target(devices)

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        self._pool.apply(command, order)

    def tell(self, command: Cancel | Truncate | Release | SetNodeAside) -> None:
        """See Pool."""
        self._pool.tell(command)

    def progress(self) -> Sequence[Progress | DevicesAwaited]:
        """See Pool."""
        return self._pool.progress()

    def close(self) -> None:
        """See Pool."""
        self._pool.close()
