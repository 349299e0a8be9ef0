"""Several runs on one output: they cut the work alike, and do not do what another has done.

The first run leads: it clears the output and puts the leases that it means to do. A run that joins
takes those leases for its own, from the other end, and adds leases for what only its inputs hold.
A lease has one name whoever does it, so that rows are there once even where two did the same. The
last one to leave closes the output.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np

from fleet.core.interval_set import DoneIntervals, IntervalTable
from fleet.core.receipt import Tally
from fleet.core.run_events import Warned
from fleet.core.spans import covers
from fleet.driver.heartbeat import Heartbeat
from fleet.errors import OutputBusyError
from fleet.plan.lease import Lease
from fleet.plan.shard import VideoWork
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.maintenance.close import Covering, finish
from fleet.table.maintenance.vacuum import VacuumOptions
from fleet.table.state.lock import EXPIRES_S, LEADER_LOCK, Holder, LockGuard, locked
from fleet.table.state.run_records import RunRecord, drop_leases, read_leases, read_run_records
from fleet.table.state.state import read_state
from fleet.table.state.video_manifest import read_videos, seconds_a_tick

LOOK_EVERY_S = 5.0
"""How often a run looks for what others have done, once there are others."""


def others(folder: Folder, me: str, job: str) -> list[RunRecord]:
    """List the other runs of the job that go on, by what they say of themselves."""
    now_s = time.time()
    notes = (note for note in read_run_records(folder) if note.id != me and note.holder.job == job)
    return [note for note in notes if note.is_alive(now_s)]


class Leadership:
    """A run's part among those at work on one output: it leads them, or has joined them.

    `holder`: who it is. A run that has joined may come to lead, once nobody else does.
    """

    def __init__(self, folder: Folder, job: str, *, conditional: bool) -> None:
        self.holder = Holder.me("fleet run", job, time.time())
        self._folder = folder
        self._conditional = conditional
        self._guard: LockGuard | None = None
        self._stack = ExitStack()

    @property
    def leads(self) -> bool:
        """Whether it leads."""
        return self._guard is not None

    def lead(self, wait_s: float = 0.0) -> None:
        """Come to lead; raises OutputBusyError where another run does for longer than `wait_s`."""
        if self._guard is None:
            leadership = locked(
                self._folder,
                LEADER_LOCK,
                self.holder.what,
                self.holder.job,
                wait_s,
                conditional=self._conditional,
            )
            self._guard = self._stack.enter_context(leadership)

    def check(self) -> None:
        """Raise JobFailedError where it led, and another run does by now."""
        if self._guard is not None:
            self._guard.check()

    def end(self) -> None:
        """Let go."""
        self._stack.close()


@contextmanager
def acquire_or_join(
    folder: Folder, job: str, *, join: bool, conditional: bool
) -> Iterator[Leadership]:
    """Lead the job, or join the run that does, once its leases are there.

    Raises OutputBusyError where another run leads and it is not to be joined.
    """
    leadership = Leadership(folder, job, conditional=conditional)
    try:
        while not leadership.leads:
            try:
                leadership.lead()
            except OutputBusyError as error:
                if not join:
                    way_out = f"{error.way_out} Or join it: --join."
                    raise OutputBusyError(error.message, way_out) from None
                if any(read_leases(folder, note.id) for note in others(folder, "", job)):
                    break
                time.sleep(1.0)
        yield leadership
    finally:
        leadership.end()


def offered_leases(folder: Folder, leadership: Leadership) -> list[Lease]:
    """Read the leases that all other runs mean to do; for a run whose own note is put.

    There are none where the others are about to end: then this run comes to lead.
    """
    known: dict[str, Lease] = {}
    for note in others(folder, leadership.holder.mark, leadership.holder.job):
        known.update({lease.id: lease for lease in read_leases(folder, note.id) or ()})
    if not known:
        leadership.lead(EXPIRES_S + LOOK_EVERY_S)
    return list(known.values())


def partition_peer_leases(
    offered: Sequence[Lease], works: Sequence[VideoWork], done: DoneIntervals
) -> tuple[list[Lease], list[VideoWork]]:
    """Choose what a run that joins does: leases of others, from the end, and work of its own.

    `done`: what is committed by now, which may be more than when `works` were set out.
    """
    by_uri = {work.source.uri: work for work in works}
    taken = [lease for lease in offered if _can_do(lease, by_uri) and not _is_done(lease, done)]
    intervals = (interval for lease in offered for interval in lease.intervals)
    others_work = DoneIntervals(IntervalTable.of(intervals))
    remainder = [_without(_without(work, done), others_work) for work in works]
    return taken[::-1], [work for work in remainder if work.todo.any()]


def _can_do(lease: Lease, works: dict[str, VideoWork]) -> bool:
    """Whether all its videos, in the same version, are among this run's."""
    shards = ((works.get(shard.source.uri), shard) for shard in lease.shards)
    return all(work is not None and work.source == shard.source for work, shard in shards)


def _is_done(lease: Lease, done: DoneIntervals) -> bool:
    return all(
        covers(
            done.spans(interval.uri, interval.etag),
            np.array([interval.start_pts]),
            np.array([interval.end_pts]),
        ).all()
        for interval in lease.intervals
    )


def _without(work: VideoWork, taken: DoneIntervals) -> VideoWork:
    return replace(work, todo=work.todo & ~taken.covers(work.source, work.bounds))


def depart(
    folder: Folder,
    job: JobRecord,
    committed: Iterable[Covering],
    beat: Heartbeat,
    leadership: Leadership,
) -> Tally:
    """End a run that has done all it could: whoever is last closes the output.

    Gives the totals over all that is there. `committed`: by this run, see `finish`.
    """
    # In this order: a run that joins puts its note, and then looks for leases.
    drop_leases(folder, beat.note.id)
    beat.put("left")
    if others(folder, beat.note.id, job.digest):
        beat.on_event(Warned("Another run is still at work on this output; it will close it."))
        return read_state(folder, job.tables).total
    # The run that led is about to let go, or was killed.
    leadership.lead(EXPIRES_S + LOOK_EVERY_S)
    total = finish(
        folder, job, committed, VacuumOptions(seconds=seconds_a_tick(read_videos(folder)))
    )
    beat.put("finished")
    return total
