"""The door to an output folder: all changes to it go through here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import Self, TypeVar

import pyarrow as pa

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.interval import Interval
from fleet.core.receipt import Tally
from fleet.errors import StorageRefusedError, SupersededError, UsageError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.commits.checkpoint import write_checkpoint
from fleet.table.commits.commit import Writer
from fleet.table.commits.record import CommitRecord, JobRecord, Origin
from fleet.table.commits.record_table import to_table
from fleet.table.maintenance.close import Covering, checkpoint, close, close_alone
from fleet.table.maintenance.compact import TARGET_BYTES, Compacted, compact
from fleet.table.maintenance.requeue import Before, LossFilter, Requeued, no_more, requeue
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.maintenance.vacuum import begin_epoch, check_job, check_unchanged
from fleet.table.maintenance.verify import VerificationReport, verify
from fleet.table.parts.schema import VIDEOS_TABLE
from fleet.table.parts.videos import DescribedVideo, videos_schema
from fleet.table.published.data_files import PublishedTable
from fleet.table.published.publish import AsIceberg, check_publishable, publish
from fleet.table.state.holder import Holder
from fleet.table.state.lock import LEADER_LOCK, REWRITE_LOCK, LockGuard, locked
from fleet.table.state.ownership import begun_without, check_owner, claim, read_job
from fleet.table.state.read import Tables, open_tables
from fleet.table.state.run_records import RunRecords
from fleet.table.state.state import TableState, read_state
from fleet.table.state.video_manifest import Video, keep_videos, read_videos, seconds_a_tick
from fleet.table.state.video_progress import NONE_UNREAD, put_video_table
from fleet.table.state.video_table import VideoTable, known_videos

WAIT_S = 600.0
"""How long a command waits for another one to end that rewrites the output."""
PAUSE_S = 1.0
"""Longer than the listing of a local folder takes, which is no snapshot of one moment."""
_TRIES = 5
_REQUEUE = "fleet requeue"
_Result = TypeVar("_Result")
_UNSAFE = "The store of {uri} has no conditional puts that hold, which {what} needs."


class Table:
    """One output folder, as one process sees it.

    It knows what the store can do, hands that to everything that depends on it, and refuses what
    cannot be done safely there.
    """

    def __init__(
        self,
        folder: Folder,
        job: JobRecord,
        *,
        clock: Clock = SYSTEM_CLOCK,
        pause_s: float = PAUSE_S,
        conditional: bool | None = None,
    ) -> None:
        """Open the door; `conditional`: what is known of the store, None to find out."""
        self.folder = folder
        self.job = job
        self.runs = RunRecords(folder)
        self._clock = clock
        self._pause_s = pause_s
        self._known_conditional = conditional
        self._leader: LockGuard | None = None

    @classmethod
    def open(cls, output: str) -> Self:
        """Return the output at a location; raises UsageError where there is none."""
        folder = Folder(output)
        job = read_job(folder)
        if job is None:
            message = f"{folder.uri} holds no output of Fleet: it has no _JOB.json."
            raise UsageError(message, "Check the path.")
        return cls(folder, job)

    @classmethod
    def of_job(cls, output: str, job: JobRecord, *, mended: bool = False) -> Self:
        """Return the output that a job goes to, which may not be there yet; nothing is changed.

        `mended`: see `check_owner`, which also says what is raised.
        """
        folder = Folder(output)
        return cls(folder, check_owner(folder, job, mended=mended) or job)

    @property
    def uri(self) -> str:
        """Its location."""
        return self.folder.uri

    @cached_property
    def conditional(self) -> bool:
        """Whether the store keeps the conditions of conditional puts, found out by trying.

        Raises StorageError where the folder cannot be written to.
        """
        if self._known_conditional is not None:
            return self._known_conditional
        return self.folder.check_writable().conditional

    def create(self, schemas: Mapping[str, pa.Schema]) -> frozenset[str]:
        """Claim the folder for the job, unless it holds it already, and find out what it can do.

        Return the columns that its tables were begun without, see `begun_without`. Raises
        OutputTakenError where it holds another job, StorageError where it cannot be written to.
        """
        _ = self.conditional
        of_videos = {VIDEOS_TABLE: videos_schema(self.job.partitions)}
        there = claim(self.folder, self.job, {**of_videos, **schemas})
        return self.begun_without(schemas) if there else frozenset()

    def begun_without(self, schemas: Mapping[str, pa.Schema]) -> frozenset[str]:
        """Return the columns of LATER that its tables were begun without; see `begun_without`."""
        return begun_without(self.folder, schemas)

    def state(self, committed: Collection[str] = ()) -> TableState:
        """Return what the output holds now; `committed`: see `read_state`."""
        return read_state(self.folder, self.job.tables, committed)

    def tables(self) -> Tables:
        """Return the tables of what it holds now."""
        return open_tables(self.folder, self.job, self.state())

    def videos(self) -> Mapping[str, Video]:
        """Return which videos the job is to cover, by URI."""
        return read_videos(self.folder)

    def known_videos(self) -> VideoTable:
        """Return what the table of videos says; nothing where there is none."""
        return known_videos(self.folder, self.job)

    def keep_videos(
        self,
        state: TableState,
        now: Iterable[Video],
        described: Iterable[DescribedVideo] = (),
        *,
        joined: bool = False,
    ) -> None:
        """Put which videos the job is to cover: those of this run, and others that have rows.

        `described`: what was found out about some of them, for the table of videos. `joined`: see
        `keep_videos` of the video manifest.
        """
        versions = set(state.covered.intervals.versions)
        conditional = self.conditional
        keep_videos(self.folder, versions, tuple(now), joined=joined, conditional=conditional)
        self._put_videos(state, tuple(described))

    def tell_of_videos(self, unread: Mapping[str, str] = NONE_UNREAD) -> None:
        """Put the table of videos as the output stands; for a run that ends, and closes nothing.

        `unread`: videos that it could not read, URI -> why.
        """
        self._put_videos(self.state(), unread=unread)

    def _put_videos(
        self,
        state: TableState,
        described: Sequence[DescribedVideo] = (),
        unread: Mapping[str, str] = NONE_UNREAD,
    ) -> None:
        folder, job, conditional = self.folder, self.job, self.conditional
        put_video_table(folder, job, state, described, unread=unread, conditional=conditional)

    def writer(self, origin: Origin, device: str) -> Writer:
        """Return what commits leases for a device."""
        return Writer(self.folder, origin, device, conditional=self.conditional, clock=self._clock)

    @contextmanager
    def leading(self, holder: Holder, wait_s: float = 0.0) -> Iterator[LockGuard]:
        """Hold the lock of who leads the job; raises OutputBusyError where another one does."""
        with self._locked(LEADER_LOCK, holder, wait_s) as guard:
            self._leader = guard
            try:
                yield guard
            finally:
                self._leader = None

    def _locked(
        self, name: str, holder: Holder, wait_s: float
    ) -> AbstractContextManager[LockGuard]:
        clock, conditional = self._clock, self.conditional
        return locked(self.folder, name, holder, clock, conditional=conditional, wait_s=wait_s)

    def _me(self, what: str) -> Holder:
        return Holder.me(what, self.job.digest, self._clock.unix_s())

    def _rewrite(self, what: str, change: Callable[[Rewriting], _Result]) -> _Result:
        """Do a change; where another process was faster, do it again on what there is then."""
        with self._locked(REWRITE_LOCK, self._me(what), WAIT_S) as guard:

            def check() -> None:
                guard.check()
                # A command that leads the job waits for the other lock, and may lose this one.
                if self._leader is not None:
                    self._leader.check()

            check_publishable(self.folder)
            rewriting = Rewriting(self.folder, self.job, check, self._clock, what, self._pause_s)
            for _ in range(_TRIES):
                with suppress(SupersededError):
                    check()
                    return change(rewriting)
            check()
            return change(rewriting)

    def begin_epoch(
        self, versions: Mapping[str, str], seen: TableState | None = None
    ) -> TableState:
        """Take the output over for a run, and return what it holds; what does not count goes.

        `versions`: uri -> etag of the videos as they are now. `seen`: what it held when the caller
        saw what is left to do; raises JobFailedError where another epoch has begun since. For the
        run that leads the job.
        """
        if not self.conditional:
            state = self.state()
            check_job(self.folder, self.job, state)
            check_unchanged(self.folder, state, versions)
            return replace(state, closed=False)
        seconds = seconds_a_tick(self.videos())
        state = self._rewrite("fleet run", lambda now: begin_epoch(now, versions, seconds, seen))
        checkpoint(self.folder, state)
        return state

    def checkpoint(self, records: Iterable[CommitRecord]) -> None:
        """Put the records of leases together, so that the next run need not read each part."""
        write_checkpoint(self.folder, to_table(list(records)))

    def close(
        self, committed: Iterable[Covering], epoch: int, wanted: Iterable[Interval] = ()
    ) -> Tally:
        """Close the output over what was committed; return the totals over all that is there.

        `epoch`: in which the caller worked. `wanted`: all that is to be there. Raises
        JobFailedError where another run has taken the output over, or something that is wanted is
        not done any more; OutputCorruptError where not all that was committed is there.
        """
        several, whole = tuple(committed), tuple(wanted)
        if not self.conditional:
            return close_alone(self.folder, self.job, self.state(), several, whole)
        return self._rewrite("fleet run", lambda now: close(now, several, epoch, whole))

    def compact(
        self,
        target_bytes: int = TARGET_BYTES,
        on_progress: Callable[[int, int], None] = lambda _, __: None,
    ) -> Compacted:
        """Rewrite many small parts as few large ones; a job may go on meanwhile."""
        self.need_conditional("`fleet compact`")
        return self._rewrite("fleet compact", lambda now: compact(now, target_bytes, on_progress))

    def requeue(
        self, asked: LossFilter, store: IndexStore, what: str = _REQUEUE, before: Before = no_more
    ) -> Requeued:
        """Take losses out, for a command; raises OutputBusyError while a run is at work."""
        self.need_conditional(f"`{what}`")
        with self.leading(self._me(what)):
            return self._rewrite(what, lambda now: requeue(now, asked, store, before))

    def verify(
        self,
        *,
        read_objects: bool = True,
        on_progress: Callable[[int, int], None] = lambda _, __: None,
    ) -> VerificationReport:
        """Prove that all is there, once, and as it was put; or list what is not."""
        now_s = self._clock.unix_s()
        busy = any(record.seems_alive(now_s) for record in self.runs.read())
        return verify(
            self.folder, self.job, busy=busy, read_objects=read_objects, on_progress=on_progress
        )

    def publish(self, asked: AsIceberg | None = None) -> tuple[PublishedTable, ...]:
        """Publish its tables, see `publish`; raises OutputBusyError while they are rewritten."""
        self.need_conditional("`fleet publish`")
        with self._locked(REWRITE_LOCK, self._me("fleet publish"), 0.0) as guard:
            return publish(self.folder, self.job, self._clock, guard.check, asked)

    def need_conditional(self, what: str) -> None:
        """Raise StorageRefusedError where what is asked for cannot be done safely."""
        if not self.conditional:
            raise StorageRefusedError(
                _UNSAFE.format(uri=self.folder.uri, what=what),
                "Copy the output to a store that has them, or to a disk, and do it there.",
            )
