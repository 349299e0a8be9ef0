"""Index leases of a run: handed out by a ledger, while the plan waits for what comes of them.

They bring indexes into the store sooner, and nothing depends on them: what nobody else looks at,
for whatever reason, the driver looks at itself. So a plan is the same with and without them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from threading import Condition, Thread

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.run_events import (
    Cause,
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
        is_known: Callable[[Source], bool],
        store: IndexStore,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Take what is left to look at; `is_known`: whether nobody need look at a video."""
        self._make_pool = make_pool
        self._queue = queue
        self._is_known = is_known
        self._store = store
        self._clock = clock
        self._changed = Condition()
        self._thread: Thread | None = None
        self._pool: IndexPool | None = None
        self._misses = self._deaths = 0
        self._closed = False
        self._seen: dict[Source, Seen | None] = {}
        self._unable: set[str] = set()
        self._leases: dict[str, IndexLease] = {}
        self._ledger = Ledger((), _POLICY, 0.0)

    def reach(self, number: int) -> None:
        """Note that the plan has come to so many of the files."""
        with self._changed:
            self._queue.reach(number)

    def wait_for(self, source: Source) -> Seen | None:
        """Wait while others look at a video; return what came of it, None where nobody has.

        The first wait in vain ends that for all of its lease, the second one all others' work.
        """
        until_s = self._clock.steady_s() + WAIT_S
        alone = False
        with self._changed:
            while self._queue.covers(source):
                left_s = until_s - self._clock.steady_s()
                if left_s > 0:
                    self._changed.wait(min(left_s, POLL_S))
                else:
                    alone = self._queue.run_out(source)
                    self._changed.notify_all()
            seen = self._seen.pop(source, None)
        if alone:
            _LOG.warning(
                "All headers that are left are looked at here: others gave no answer for %.0f s.",
                WAIT_S,
            )
        return seen

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
            if self._thread.is_alive():
                _LOG.warning(
                    "What leads the looks at headers elsewhere has not ended after %.0f s: it "
                    "waits for the store or the cluster. The run goes on without it.",
                    CLOSE_S,
                )
                # Not left to the thread: by then this process may have joined another cluster.
                if self._pool:
                    self._pool.close()

    def _abandon(self) -> None:
        self._queue.abandon()
        self._changed.notify_all()

    def _lead(self, workers: int) -> None:
        try:
            with closing(self._make_pool(self._store.folder.uri)) as pool:
                self._pool = pool
                pool.set_target(workers)
                self._drive(pool, workers)
        # The edge of a thread: whatever it is, the plan goes on without it.
        except Exception as error:  # noqa: BLE001
            _LOG.warning("All headers that are left are looked at here: %s", error)
        finally:
            with self._changed:
                self._abandon()

    def _drive(self, pool: IndexPool, workers: int) -> None:
        alone_s = self._clock.steady_s()
        while not self._finished():
            workers = self._widened(pool, workers)
            self._cut(pool)
            for event in (*pool.poll(POLL_S), Tick()):
                self._take(event, pool)
            now_s = self._clock.steady_s()
            if self._ledger.device_count:
                alone_s = now_s
            elif now_s - alone_s > NO_WORKER_S:
                raise JobFailedError(
                    "no other machine can read them."
                    if self._unable
                    else "no machine of the cluster has room for a process that does."
                )

    def _widened(self, pool: IndexPool, workers: int) -> int:
        """Ask for more workers where more was listed since; return how many are asked for."""
        with self._changed:
            left = self._queue.headers_left if self._queue.grows else 0.0
        worth = max(workers, workers_worth(left))
        if worth > workers:
            pool.set_target(worth)
        return worth

    def _finished(self) -> bool:
        with self._changed:
            return self._closed or self._queue.finished

    def _cut(self, pool: IndexPool) -> None:
        """Have a lease wait for each worker, as far as there is more to be looked at."""
        workers = self._ledger.device_count
        while self._ledger.count(State.PENDING) < workers:
            with self._changed:
                candidates = self._queue.candidates(workers)
            if candidates is None:
                return
            # Asking the store takes its time, in which the plan goes on, and a run can end.
            chosen = candidates.choose(lambda source: self._closed or self._is_known(source))
            with self._changed:
                lease = self._queue.cut(*chosen)
            if lease is None:
                return
            self._leases[lease.id] = lease
            commands = self._ledger.add([lease.summary], 0.0, self._clock.steady_s())
            self._obey(commands, pool)

    def _take(self, event: Event, pool: IndexPool) -> None:
        if getattr(event, "device", None) in self._unable:
            return
        if isinstance(event, DeviceLost):
            self._deaths += 1
            if self._deaths >= MOST_DEATHS:
                raise JobFailedError(f"whoever does on other machines ends: {event.reason}")
        if isinstance(event, IndexLeaseDone):
            self._deaths = 0
            self._end(self._leases.pop(event.lease), event.looked)
            if not event.looked.is_good:
                self._set_aside(event, pool)
                return
            event = LeaseDone(event.device, event.lease, event.receipt)
        self._obey(self._ledger.handle(event, self._clock.steady_s()), pool)

    def _set_aside(self, event: IndexLeaseDone, pool: IndexPool) -> None:
        """Give no further lease to who could not look at most of one: it stays, and is idle."""
        self._unable.add(event.device)
        _LOG.warning(
            "%s could look at %d of %d files only, and is given no further ones: the files or "
            "what they need may be missing there.",
            event.device,
            event.looked.count,
            len(event.looked.seen),
        )
        now_s = self._clock.steady_s()
        done = LeaseDone(event.device, event.lease, event.receipt)
        commands = self._ledger.handle(done, now_s)
        further = [c for c in commands if not (isinstance(c, Assign) and c.device == event.device)]
        lost = DeviceLost(event.device, "it could not look at most files", Cause.TAKEN)
        self._obey(further + self._ledger.handle(lost, now_s), pool)
        if not self._ledger.device_count:
            # Until another one comes, if any does, the plan waits for none of them.
            for lease in self._leases.values():
                self._tell(lease, {})

    def _end(self, lease: IndexLease, looked: Looked) -> None:
        """Tell what came of a lease, once it is found in the store."""
        seen = dict(zip(lease.sources, looked.seen, strict=True))
        try:
            if looked.batch and not self._store.take_in(looked.batch):
                self._check_found(source for source, what in seen.items() if what)
        except (StorageError, ValueError):
            seen = {}
        self._tell(lease, seen, good=looked.is_good)

    def _check_found(self, put: Iterable[Source]) -> None:
        if not any(map(self._store.knows, put)):
            raise JobFailedError(
                f"what the cluster's machines put into {self._store.folder.uri} is not found here.",
                "Name a folder that all of them reach.",
            )

    def _tell(
        self, lease: IndexLease, seen: dict[Source, Seen | None], *, good: bool = False
    ) -> None:
        with self._changed:
            waited_for = filter(self._queue.covers, lease.sources)
            self._seen.update({source: seen.get(source) for source in waited_for})
            self._queue.end(lease.sources, good=good)
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
