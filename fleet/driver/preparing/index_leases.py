"""Index leases of a run: handed out by a ledger, while the plan waits for what comes of them.

They bring indexes into the store sooner, and nothing depends on them: what nobody else looks at,
for whatever reason, the driver looks at itself. So a plan is the same with and without them.
"""

from __future__ import annotations

import logging
from contextlib import closing
from threading import Condition, Thread

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.run_events import (
    DeviceLost,
    Event,
    LeaseDone,
    LeaseSplit,
    LossRecorded,
    Tick,
)
from fleet.core.source import Source
from fleet.errors import JobFailedError, StorageError
from fleet.executors.index_pool import IndexLeaseDone, IndexPool, MakeIndexPool
from fleet.index_cache.looking import Looked, Seen
from fleet.index_cache.store import IndexStore
from fleet.plan.index_leases import MISSES, IndexLease, IndexQueue, workers_worth
from fleet.scheduler.commands import Assign, Command, RecordLoss, SplitLease
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger

POLL_S = 0.25
MOST_DEATHS = 16
"""Processes that may end in a row, before any lease is done: more are no matter of one video."""
NO_WORKER_S = 30.0
"""How long there may be no worker at all before the driver looks at all that is left itself."""
WAIT_S = 150.0
"""How long a video is waited for: a hostile one is given up in less, also by a shielded process."""
CLOSE_S = 30.0
_POLICY = SchedulingPolicy(backups=False, rest_s=0.0)
_LOG = logging.getLogger(__name__)


class IndexLeases:
    """Has others look at the videos of a listing that are not known; see `Elsewhere`.

    `wait_for`, `missed` and `reach` are for any thread. A thread of its own leads the leases; it is
    started where enough is not known.
    """

    def __init__(
        self,
        make_pool: MakeIndexPool,
        queue: IndexQueue,
        store: IndexStore,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._make_pool = make_pool
        self._queue = queue
        self._store = store
        self._clock = clock
        self._changed = Condition()
        self._thread: Thread | None = None
        self._misses = self._deaths = 0
        self._closed = False
        self._seen: dict[Source, Seen | None] = {}
        self._leases: dict[str, IndexLease] = {}
        self._ledger = Ledger((), _POLICY, 0.0)

    def reach(self, number: int) -> None:
        """Note that the plan has come to so many of the files."""
        with self._changed:
            self._queue.reach(number)

    def wait_for(self, source: Source) -> Seen | None:
        """Wait while others look at a video; return what came of it, None where nobody has."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._queue.covers(source), WAIT_S):
                self._queue.end([source])
            return self._seen.pop(source, None)

    def missed(self) -> None:
        """Take note of a video that is looked at here, as nobody knows it."""
        with self._changed:
            self._misses += 1
            if self._misses < MISSES or self._thread or self._closed:
                return
            if workers := workers_worth(self._queue.headers_left):
                args = (workers,)
                self._thread = Thread(
                    target=self._lead, args=args, name="index-leases", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """End all that others do; who waits looks at its video itself."""
        with self._changed:
            self._closed = True
            self._abandon()
        if self._thread:
            self._thread.join(CLOSE_S)

    def _abandon(self) -> None:
        self._queue.abandon()
        self._changed.notify_all()

    def _lead(self, workers: int) -> None:
        try:
            with closing(self._make_pool(self._store.folder.uri)) as pool:
                pool.set_target(workers)
                self._drive(pool)
        # The edge of a thread: whatever it is, the plan goes on without it.
        except Exception as error:  # noqa: BLE001
            _LOG.warning("All headers that are left are looked at here: %s", error)
        finally:
            with self._changed:
                self._abandon()

    def _drive(self, pool: IndexPool) -> None:
        alone_s = self._clock.steady_s()
        while not self._finished():
            self._cut(pool)
            for event in (*pool.poll(POLL_S), Tick()):
                self._take(event, pool)
            now_s = self._clock.steady_s()
            if self._ledger.device_count:
                alone_s = now_s
            elif now_s - alone_s > NO_WORKER_S:
                raise JobFailedError("no machine of the cluster has room for a process that does.")

    def _finished(self) -> bool:
        with self._changed:
            return self._closed or self._queue.finished

    def _cut(self, pool: IndexPool) -> None:
        """Have a lease wait for each worker, as far as there is more to be looked at."""
        workers = self._ledger.device_count
        while self._ledger.count(State.PENDING) < workers:
            with self._changed:
                lease = self._queue.cut(workers)
            if lease is None:
                return
            self._leases[lease.id] = lease
            commands = self._ledger.add([lease.summary], 0.0, self._clock.steady_s())
            self._obey(commands, pool)

    def _take(self, event: Event, pool: IndexPool) -> None:
        if isinstance(event, DeviceLost):
            self._deaths += 1
            if self._deaths >= MOST_DEATHS:
                raise JobFailedError(f"whoever does on other machines ends: {event.reason}")
        if isinstance(event, IndexLeaseDone):
            self._deaths = 0
            self._end(self._leases.pop(event.lease), event.looked)
            event = LeaseDone(event.device, event.lease, event.receipt)
        self._obey(self._ledger.handle(event, self._clock.steady_s()), pool)

    def _end(self, lease: IndexLease, looked: Looked) -> None:
        """Tell what came of a lease, once it is found in the store."""
        seen = dict(zip(lease.sources, looked.seen, strict=True))
        try:
            if looked.batch:
                self._store.take_in(looked.batch)
        except FileNotFoundError:
            raise JobFailedError(
                f"what the cluster's machines put into {self._store.folder.uri} is not found here.",
                "Name a folder that all of them reach.",
            ) from None
        except (StorageError, ValueError):
            seen = {}
        self._tell(lease, seen)

    def _tell(self, lease: IndexLease, seen: dict[Source, Seen | None]) -> None:
        with self._changed:
            waited_for = filter(self._queue.covers, lease.sources)
            self._seen.update({source: seen.get(source) for source in waited_for})
            self._queue.end(lease.sources)
            self._changed.notify_all()

    def _obey(self, commands: list[Command], pool: IndexPool) -> None:
        to_do = list(commands)
        while to_do:
            match to_do.pop(0):
                case Assign(device, name):
                    pool.apply(device, self._leases[name])
                case SplitLease(name, count):
                    pieces = self._leases.pop(name).split(count)
                    self._leases.update((piece.id, piece) for piece in pieces)
                    split = LeaseSplit(name, tuple(piece.summary for piece in pieces))
                    to_do += self._ledger.handle(split, self._clock.steady_s())
                case RecordLoss(name):
                    to_do += self._give_up(name)
                case _:
                    pass

    def _give_up(self, name: str) -> list[Command]:
        """Tell that others could not look at some videos.

        Whether one is at fault, the shielded children here say: others may lack memory.
        """
        self._tell(self._leases.pop(name), {})
        return self._ledger.handle(LossRecorded(name), self._clock.steady_s())
