"""A pool whose leases say whether a device has the memory to decode ahead of the job in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fleet.core.run_events import Event
from fleet.driver.target.target import JobTarget
from fleet.executors.pool import Pool
from fleet.executors.wrapped_pool import WrappedPool
from fleet.plan.order import LeaseOrder
from fleet.plan.shard import VideoWork
from fleet.scheduler.commands import Assign


class AheadPool(WrappedPool):
    """A pool that may give a second core to a lease in which a device has room for it."""

    def __init__(
        self,
        pool: Pool,
        target: JobTarget,
        works: Mapping[str, VideoWork],
        is_all_planned: Callable[[], bool],
    ) -> None:
        """Take a pool, and the videos of leases by their URI.

        `is_all_planned`: before that, what looks at headers has work for the cores that devices
        leave.
        """
        super().__init__(pool)
        self._target = target
        self._works = works
        self._is_all_planned = is_all_planned

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        has_room = self._is_all_planned() and self._has_room(order)
        super().apply(command, replace(order, has_room_ahead=has_room))

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool."""
        return self._pool.poll(timeout_s)

    def _has_room(self, order: LeaseOrder) -> bool:
        uris = {shard.source.uri for shard in order.shards}
        works = [work for uri in uris if (work := self._works.get(uri)) is not None]
        held = self._target.memory(works, cores=2)
        return len(works) == len(uris) and held.total_bytes <= held.budget_bytes
