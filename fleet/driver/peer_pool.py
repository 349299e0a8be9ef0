"""A pool of devices that also tells what other runs on the same output have done meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from fleet.clock import Clock
from fleet.core.run_events import (
    ELSEWHERE,
    DeviceLost,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseFailed,
)
from fleet.driver.peers import LOOK_EVERY_S, PeerWatch
from fleet.errors import StorageError, TornPartError
from fleet.executors.pool import Pool
from fleet.executors.wrapped_pool import WrappedPool
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Assign
from fleet.table.commits.commit import read_commit
from fleet.table.commits.record import lease_of
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.table import Table

LOOK_FOR_OTHERS_S = 15.0


class SharedPool(WrappedPool):
    """A pool that also tells of the leases that other runs have committed meanwhile.

    Of what its own devices hold they tell themselves: their parts may be seen before that.
    """

    def __init__(
        self,
        pool: Pool,
        table: Table,
        leases: Iterable[Lease],
        peers: PeerWatch,
        epoch: int,
        clock: Clock,
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take a pool. `answers`: whether the output does; it is not asked for others while not."""
        super().__init__(pool)
        self._answers = answers
        self._folder = table.folder
        self._peers = peers
        self._epoch = epoch
        self._clock = clock
        self._unheard = {lease.id for lease in leases}
        self._held: dict[str, str] = {}
        self._next_look_s = 0.0
        self._next_search_s = 0.0
        self._shared = False

    def expect(self, leases: Iterable[Lease]) -> None:
        """Look for further leases as well, which others may do."""
        self._unheard.update(lease.id for lease in leases)

    def apply(self, command: Assign, order: LeaseOrder) -> None:
        """See Pool."""
        self._held[command.lease] = command.device
        super().apply(command, order)

    def poll(self, timeout_s: float) -> list[Event]:
        """See Pool."""
        events = self._pool.poll(timeout_s)
        for event in events:
            match event:
                case LeaseDone(_, lease):
                    self._unheard.discard(lease)
                    self._held.pop(lease, None)
                case LeaseFailed(_, lease) | LeaseCancelled(_, lease):
                    self._held.pop(lease, None)
                case DeviceLost(device):
                    self._held = {k: v for k, v in self._held.items() if v != device}
                case _:
                    pass
        with suppress(StorageError):
            # Where the output is away, what others have done is heard of once it is back; where it
            # refuses, the leases of our own devices say so.
            events = [*events, *self._done_elsewhere(self._clock.steady_s())]
        return events

    def _done_elsewhere(self, now_s: float) -> list[Event]:
        if now_s >= self._next_search_s and self._answers():
            try:
                self._shared = bool(self._peers.others(self._epoch))
            finally:
                # A store that is away keeps who asks it waiting.
                self._next_search_s = self._clock.steady_s() + LOOK_FOR_OTHERS_S
        if not self._shared or now_s < self._next_look_s or not self._answers():
            return []
        self._next_look_s = now_s + LOOK_EVERY_S
        # Where the listing breaks off, all that it has found is told by the next one.
        found = list(self._look())
        self._unheard -= {event.lease for event in found}
        # A long listing is not to be all that is done.
        self._next_look_s = now_s + max(LOOK_EVERY_S, 10 * (self._clock.steady_s() - now_s))
        return [*found]

    def _look(self) -> Iterator[LeaseDone]:
        for entry in self._folder.list(f"{FRAMES_TABLE}/"):
            lease = lease_of(entry.name) or ""
            if lease not in self._unheard or lease in self._held:
                continue
            try:
                record = read_commit(self._folder, entry)
            except (TornPartError, StorageError):
                continue
            if record is not None:
                yield LeaseDone(ELSEWHERE, lease, record.receipt)
