"""Several runs on one output: they cut the work alike, and do not do what another has done.

The first run leads: it takes the output over, and puts the leases that it means to do. A run that
joins takes those leases for its own, from the other end or in an order that no other run has, and
adds leases for what only its inputs hold. A lease has one name whichever run does it, so that its
rows are there once even where two did the same. The last one to leave closes the output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from math import inf

from fleet.clock import Clock
from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import DoneIntervals, IntervalTable
from fleet.core.receipt import Tally
from fleet.core.run_events import Warned
from fleet.driver.heartbeat import Heartbeat
from fleet.driver.observers import Observers
from fleet.errors import OutputBusyError
from fleet.plan.lease import Lease, Shard
from fleet.plan.shard import VideoWork
from fleet.table.maintenance.close import Covering
from fleet.table.state.holder import Holder
from fleet.table.state.lock import EXPIRES_S, LEADER_LOCK, LOOK_S, LockGuard, read_holder
from fleet.table.state.run_records import SILENT_S, RunRecord
from fleet.table.table import Table

LOOK_EVERY_S = 5.0
"""How often a run looks for what others have done, once there are others."""


class PeerWatch:
    """The other runs at work on an output; whether one lives is told by watching its record."""

    def __init__(self, table: Table, me: str, clock: Clock) -> None:
        self._runs = table.runs
        self._job = table.job.digest
        self._me = me
        self._clock = clock
        self._seen: dict[str, tuple[RunRecord, float]] = {}

    def others(self, epoch: int | None = None) -> list[RunRecord]:
        """Return the other runs of the job that go on, in an epoch where one is given.

        A run that is seen for the first time is believed to live until it was silent for SILENT_S.
        """
        now_s = self._clock.steady_s()
        alive = []
        for record in self._runs.read():
            if record.id == self._me or record.holder.job != self._job or record.is_over:
                continue
            before = self._seen.get(record.id)
            if before is None or before[0].beats != record.beats:
                self._seen[record.id] = record, now_s
            is_fresh = now_s - self._seen[record.id][1] <= SILENT_S
            if is_fresh and (epoch is None or record.epoch == epoch):
                alive.append(record)
        return alive

    def show_life(self, epoch: int) -> bool:
        """Return whether another run of an epoch goes on; watches until that is known."""
        before = {record.id: record.beats for record in self.others(epoch)}
        while others := self.others(epoch):
            if any(before.get(record.id) != record.beats for record in others):
                return True
            self._clock.sleep(LOOK_S)
        return False


class Leadership:
    """A run's part among those at work on one output: it leads them, or has joined them."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self.holder = Holder.me("fleet run", table.job.digest, clock.unix_s())
        self.peers = PeerWatch(table, self.holder.mark, clock)
        self._table = table
        self._clock = clock
        self._guard: LockGuard | None = None
        self._waits = False
        self._away_s = -inf
        self._stack = ExitStack()

    @property
    def leads(self) -> bool:
        """Whether it leads. A run that has joined may come to lead, once nobody else does."""
        return self._guard is not None

    def lead(self, wait_s: float = 0.0) -> None:
        """Come to lead; raises OutputBusyError where another run does for longer than `wait_s`."""
        if self._guard is None:
            leading = self._table.leading(self.holder, wait_s)
            self._guard = self._stack.enter_context(leading)

    def check(self, *, output_answers: bool = True) -> None:
        """Raise JobFailedError where it led, and another run does by now or may do so.

        While the output does not answer, and for EXPIRES_S behind that, the age of the lock says
        nothing: who has taken it meanwhile is found by its next renewal. Where conditional puts do
        not hold, only an output that refuses what is written is waited for like that.
        """
        if self._guard is None:
            return
        now_s = self._clock.steady_s()
        if self._waits or (self._table.conditional and not output_answers):
            self._away_s = now_s
        if now_s - self._away_s <= EXPIRES_S:
            self._guard.check_not_taken()
        else:
            self._guard.check()

    def settle(self) -> None:
        """Wait until the lock is renewed behind an outage; raises JobFailedError where it is not.

        For who is about to close: that nobody has taken the lock is to be known then.
        """
        if self._guard is None:
            return
        until_s = self._clock.steady_s() + EXPIRES_S
        while not self._guard.is_believed and self._clock.steady_s() < until_s:
            self._guard.check_not_taken()
            self._clock.sleep(LOOK_S)
        self._guard.check()

    def wait_for_output(self, waits: bool) -> None:
        """Take note that the output takes nothing, the lock included; or that it does again.

        See `check` for what the age of the lock says meanwhile.
        """
        self._waits = waits

    def end(self) -> None:
        """Let go."""
        self._stack.close()


@contextmanager
def acquire_or_join(table: Table, clock: Clock, *, join: bool) -> Iterator[Leadership]:
    """Lead the job, or join the run that does, once its leases are there.

    Raises OutputBusyError where another run leads and it is not to be joined.
    """
    leadership = Leadership(table, clock)
    try:
        while not leadership.leads:
            try:
                leadership.lead()
            except OutputBusyError as error:
                if not join:
                    way_out = f"{error.way_out} Or share its work: fleet run --join."
                    raise OutputBusyError(error.message, way_out) from None
                # Those of a run that died are of an epoch that is about to end.
                leader = read_holder(table.folder, LEADER_LOCK)
                if leader is not None and table.runs.leases(leader.mark):
                    break
                clock.sleep(1.0)
        yield leadership
    finally:
        leadership.end()


def offered_leases(table: Table, leadership: Leadership, epoch: int) -> list[Lease]:
    """Return the leases that all other runs mean to do, as `ordered_to_join` has them.

    For a run whose own record is put, so that of two that join at once one knows of the other.
    There are none where the others are about to end: then this run comes to lead.
    """
    known: dict[str, Lease] = {}
    name = LeaseNames(table.job.digest, epoch)
    peers = leadership.peers.others(epoch)
    for peer in peers:
        leases = table.runs.leases(peer.id) or ()
        # Whoever can write there could have any name committed otherwise.
        known.update({lease.id: lease for lease in leases if lease.id == name(lease.intervals)})
    if not known:
        leadership.lead(EXPIRES_S + LOOK_EVERY_S)
    return ordered_to_join(list(known.values()), leadership.holder.mark, len(peers))


def ordered_to_join(leases: Sequence[Lease], me: str, others: int) -> list[Lease]:
    """Return the order in which a run that joins does the leases of `others` runs.

    Two runs begin at either end, and meet. What a further one has at hand is not known before it is
    committed: going the same way as another it would do each lease a second time, so each has an
    order of its own.
    """
    if others < 2:
        return list(leases[::-1])
    return sorted(leases, key=lambda lease: sha256(f"{me} {lease.id}".encode()).digest())


def partition_peer_leases(
    offered: Sequence[Lease], works: Sequence[VideoWork], done: DoneIntervals
) -> tuple[list[Lease], list[VideoWork]]:
    """Choose what a run that joins does: leases of others, in their order, and work of its own.

    `done`: what is committed by now, which may be more than when `works` were set out.
    """
    by_uri = {work.source.uri: work for work in works}
    taken = [lease for lease in offered if _can_do(lease, by_uri) and not _is_done(lease, done)]
    intervals = (interval for lease in offered for interval in lease.intervals)
    others_work = DoneIntervals(IntervalTable.of(intervals))
    return taken, less_done(less_done(works, done), others_work)


def less_done(works: Sequence[VideoWork], done: DoneIntervals) -> list[VideoWork]:
    """Return the work that is left of some, less what is done."""
    left = (
        replace(work, todo=work.todo & ~done.covers(work.source, work.bounds)) for work in works
    )
    return [work for work in left if work.todo.any()]


def _can_do(lease: Lease, works: dict[str, VideoWork]) -> bool:
    """Return whether all its videos, in the same version, are among this run's."""
    shards = ((works.get(shard.source.uri), shard) for shard in lease.shards)
    return all(work is not None and _is_of(shard, work) for work, shard in shards)


def _is_of(shard: Shard, work: VideoWork) -> bool:
    """Return whether a shard is some GOPs of a video as this run knows it."""
    if work.source != shard.source or not 0 <= shard.first_gop < shard.last_gop < len(work.bounds):
        return False
    start_pts, end_pts = work.bounds[[shard.first_gop, shard.last_gop]].tolist()
    source = work.source
    return shard.interval == Interval(source.uri, source.etag, start_pts, end_pts)


def _is_done(lease: Lease, done: DoneIntervals) -> bool:
    return all(map(done.has, lease.intervals))


def depart(
    table: Table,
    committed: Iterable[Covering],
    wanted: Iterable[Interval],
    beat: Heartbeat,
    observers: Observers,
    leadership: Leadership,
    epoch: int,
) -> Tally:
    """End a run that has done all it could: the last one closes the output.

    Returns the totals over all that is there. `committed`, `wanted`: see `Table.close`.
    """
    # In this order: a run that joins puts its record, and then looks for leases.
    table.runs.drop_leases(beat.record.id)
    beat.put("left")
    # Where conditional puts do not hold there are no others: records there are of runs that died.
    if table.conditional and leadership.peers.show_life(epoch):
        observers.on_event(Warned("Another run is still at work on this output; it will close it."))
        return table.state().total
    # The run that led is about to let go, or was killed.
    leadership.lead(EXPIRES_S + LOOK_EVERY_S)
    leadership.settle()
    total = table.close(committed, epoch, wanted)
    beat.put("finished")
    return total


def leave_open(table: Table, beat: Heartbeat, unread: Mapping[str, str]) -> Tally:
    """End a run that could not read all of its inputs; the output stays open for the next one.

    `unread`: these, URI -> why. Returns the totals over all that is there.
    """
    table.runs.drop_leases(beat.record.id)
    beat.put("incomplete")
    table.tell_of_videos(unread)
    return table.state().total
