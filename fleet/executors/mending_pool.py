"""A pool of devices that has the index of a video mended where a worker finds it wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from fleet.core.run_events import DeviceLost, Event, LeaseDone, LeaseFailed
from fleet.core.source import Source
from fleet.errors import FleetError, IndexMistakenError, VideoError
from fleet.executors.pool import Pool
from fleet.executors.wrapped_pool import WrappedPool
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign

_WAIT_S = 0.05
"""How long is waited for other news while an index is mended."""


class MendingPool(WrappedPool):
    """A pool that tells of a lease whose index was wrong only once the index is mended.

    The lease is then spelled out again, by what is known now.
    """

    def __init__(self, pool: Pool, mend: Callable[[Source], None]) -> None:
        """Take the pool; `mend`: makes the index of a video anew, see `IndexCache.mend`."""
        super().__init__(pool)
        self._mend = mend
        self._sources: dict[str, tuple[Source, ...]] = {}
        self._under_way: list[tuple[LeaseFailed, Future[None]]] = []
        # One after the other: each reads a whole file.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="mend")

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        unchecked = tuple(shard.source for shard in order.shards if not shard.looked_through)
        if unchecked:
            self._sources[command.lease] = unchecked
        super().apply(command, order)

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool."""
        events = []
        for event in self._pool.poll(_WAIT_S if self._under_way else timeout_s):
            if isinstance(event, LeaseFailed) and event.fault.name == IndexMistakenError.name:
                sources = dict.fromkeys(self._sources.get(event.lease, ()))
                self._under_way.append((event, self._threads.submit(self._mend_all, sources)))
            else:
                events.append(event)
                if isinstance(event, LeaseDone):
                    self._sources.pop(event.lease, None)
                elif isinstance(event, DeviceLost):
                    # The ledger takes back what that device held; what it failed at is in there.
                    self._under_way = [
                        (failed, mending)
                        for failed, mending in self._under_way
                        if failed.device != event.device
                    ]
        return [*events, *self._mended()]

    def _mend_all(self, sources: dict[Source, None]) -> None:
        for source in sources:
            self._mend(source)

    def _mended(self) -> Iterator[Event]:
        waiting, self._under_way = self._under_way, []
        for event, mending in waiting:
            if not mending.done():
                self._under_way.append((event, mending))
            else:
                yield _told(event, mending.exception())

    def stop(self) -> None:
        """Begin to mend no other index."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """See Pool."""
        self.stop()
        super().close()


def _told(event: LeaseFailed, error: BaseException | None) -> LeaseFailed:
    """Return what the ledger is told: that the lease can be tried again, or why it cannot."""
    if error is None:
        return event
    if not isinstance(error, FleetError):
        raise error
    name, code = error.name, error.code if isinstance(error, VideoError) else 0
    fault = replace(
        event.fault, name=name, message=error.message, code=code, retryable=error.retryable
    )
    return replace(event, fault=fault)
