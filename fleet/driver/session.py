"""What a run starts from: the job, its inputs, and what its output holds."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import pyarrow as pa

from fleet.ascend.soc import soc
from fleet.ascend.stream_rules import is_for_chip
from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.driver.device_memory import DeviceMemory, check_job, check_models, device_memory
from fleet.driver.identity import JobIdentity, identify
from fleet.driver.preparing.path_columns import check_path_columns, check_start
from fleet.driver.preparing.patience import keep_trying
from fleet.driver.preparing.prepare import prepare_in_windows
from fleet.driver.preparing.prepared import Known, Prepared
from fleet.driver.preparing.streams import further_streams
from fleet.errors import StorageError
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.job.job import Job
from fleet.plan.shard import VideoWork
from fleet.storage import Folder, Listing, expand
from fleet.table.commits.record import Origin
from fleet.table.parts.schema import output_schemas
from fleet.table.parts.videos import DescribedVideo
from fleet.table.state.kept_windows import KeptWindows
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import Video
from fleet.table.state.video_notes import VideoNotes
from fleet.table.table import Table
from fleet.worker.spec import WorkerSpec


@dataclass(frozen=True)
class JobTarget:
    """A job, what it names, and where it goes; nothing is changed by looking at it."""

    job: Job
    identity: JobIdentity
    table: Table
    listing: Listing
    without_columns: str = ""
    """Sentences on the videos whose path has not all of the columns; empty where all have."""
    without: frozenset[str] = frozenset()
    """Columns that the output was begun without, see `output_schemas`."""

    @property
    def digest(self) -> str:
        """The job's identity."""
        return self.identity.record.digest

    @property
    def schemas(self) -> dict[str, pa.Schema]:
        """The schemas of the job's tables."""
        return schemas_of(self.job, self.without)

    @property
    def origin(self) -> Origin:
        """Where the job's rows come from."""
        return Origin(self.digest, self.job.soc, self.identity.models)

    @property
    def versions(self) -> Mapping[str, str]:
        """The etag of each file as it is now, by its address."""
        return {source.object_uri: source.etag for source in self.listing.sources}

    def memory(self, works: Sequence[VideoWork]) -> DeviceMemory:
        """Return what a device holds at most while it does these videos."""
        cards = self.identity.cards.values()
        return device_memory(works, cards, self.job.work, soc(self.job.soc))

    @property
    def index_folder(self) -> Folder:
        """Where the indexes of videos are kept."""
        return Folder(self.job.index_cache or f"{self.table.uri}/{INDEX_FOLDER}")


@dataclass(frozen=True)
class Session:
    """A job's target, and what earlier runs left there."""

    target: JobTarget
    state: TableState
    videos: Mapping[str, Video]
    """The video manifest, by URI."""
    at_work: frozenset[str] = frozenset()
    """The URIs of videos that the runs that this one joins have in hand."""
    joined: bool = False
    """Whether it joins runs that are at work."""

    def prepare(self, on_progress: Callable[[int], None] = lambda _: None) -> Prepared:
        """Look at the videos; nothing is put anywhere."""
        return self._prepare(IndexStore(self.target.index_folder, read_only=True), on_progress)

    def _prepare(self, store: IndexStore, on_progress: Callable[[int], None]) -> Prepared:
        made = Prepared.together(list(self._windows(store, on_progress, retries=True)))
        self._check(made)
        return made

    def prepare_some(
        self, number: int, on_progress: Callable[[int], None] = lambda _: None
    ) -> Iterator[Prepared]:
        """Look at the videos, `number` at a time, so that not all need be held; as `prepare`."""
        store = IndexStore(self.target.index_folder, read_only=True)
        sources, of_file = self.target.listing.sources, further_streams(self.videos)
        for first in range(0, len(sources), number):
            some = sources[first : first + number]
            uris = (uri for source in some for uri in (source.uri, *of_file.get(source.uri, ())))
            known = {uri: self.videos[uri] for uri in uris if uri in self.videos}
            listing = replace(self.target.listing, sources=some)
            part = replace(self, target=replace(self.target, listing=listing), videos=known)
            counted = partial(_count, on_progress, first)
            yield part._prepare(store, counted)  # noqa: SLF001 - of its own kind

    def prepare_and_keep(self, on_progress: Callable[[int], None] = lambda _: None) -> Prepared:
        """Look at the videos, and keep what was found out for the next time."""
        return Prepared.together(list(self.prepare_in_windows(on_progress)))

    def prepare_in_windows(
        self, on_progress: Callable[[int], None] = lambda _: None, clock: Clock = SYSTEM_CLOCK
    ) -> Generator[Prepared, None, None]:
        """Look at the videos window by window, and keep what is found out before it is told.

        Behind the first window, an output that refuses is waited for, see `Patience`; meanwhile
        `on_progress` is called with 0.
        """
        store, table = IndexStore(self.target.index_folder), self.target.table
        job = self.target.job
        for_chip = partial(is_for_chip, soc(job.soc))
        notes = VideoNotes(table.known_videos(), for_chip, job.start_rule)
        windows = self._windows(store, on_progress, notes=notes)

        def finish() -> tuple[DescribedVideo, ...]:
            store.flush()
            store.tidy()
            return notes.described

        try:
            putting = partial(keep_trying, clock=clock, on_wait=lambda: on_progress(0))
            with closing(self.keep_each(windows, finish, putting)) as kept:
                for window in kept:
                    if not window.to_look:
                        notes.clear()  # They are put; devices work on for long.
                    yield window
        finally:
            windows.close()
            # What was found out need not be found out again, even where the rest was not.
            store.flush()

    def keep_each(
        self,
        windows: Iterable[Prepared],
        finish: Callable[[], tuple[DescribedVideo, ...]],
        putting: Callable[[Callable[[], None]], None] = lambda put: put(),
    ) -> Generator[Prepared, None, None]:
        """Put what each window shows before it is yielded, so before anything of it is done.

        `finish`: called before the last one is yielded, gives what was found out about the videos.
        `putting`: does the puts of each window behind the first; the first is done at once, so that
        a run ends where it cannot begin. Raises JobTooLargeError where the job does not fit into a
        device for one of them.
        """
        seen: list[tuple[Video, ...]] = []
        kept: KeptWindows | None = None
        try:
            for window in windows:
                self._check(window)
                seen.append(window.videos)
                if window.to_look and kept is None and not self.joined:
                    kept = self._kept_windows()
                put = partial(self._put_window, window, seen, kept, finish)
                if len(seen) == 1:
                    put()
                else:
                    putting(put)
                if not window.to_look:
                    kept = None
                    seen.clear()
                yield window
        finally:
            if kept:
                # What was looked at is told of, though the next run would find it out again.
                with suppress(StorageError):
                    kept.put()

    def _kept_windows(self) -> KeptWindows:
        table = self.target.table
        versions = set(self.state.covered.intervals.versions)
        return KeptWindows(table.folder, versions, conditional=table.conditional)

    def _put_window(
        self,
        window: Prepared,
        seen: Sequence[tuple[Video, ...]],
        kept: KeptWindows | None,
        finish: Callable[[], tuple[DescribedVideo, ...]],
    ) -> None:
        table, sources = self.target.table, self.target.listing.sources
        if not window.to_look:
            videos = tuple(chain.from_iterable(seen))
            # Behind the first window an epoch may have begun, which takes away what it replaces.
            state = self.state if len(seen) == 1 else table.state()
            table.keep_videos(state, videos, finish(), joined=self.joined)
        elif kept:
            kept.add(window.videos, sources[-window.to_look :] if len(seen) == 1 else ())

    def _windows(
        self,
        store: IndexStore,
        on_progress: Callable[[int], None],
        *,
        retries: bool = False,
        notes: VideoNotes | None = None,
    ) -> Generator[Prepared, None, None]:
        job = self.target.job
        known = Known(
            self.state.done,
            self.videos,
            store,
            job.fallback,
            job.streams,
            retries,
            job.start_rule,
            at_work=self.at_work,
            notes=notes,
        )
        sources = self.target.listing.sources
        as_stored = job.rotation == "ignore"
        chip = soc(job.soc)
        return prepare_in_windows(
            sources, job.sample, chip, known, on_progress, as_stored=as_stored
        )

    def _check(self, prepared: Prepared) -> None:
        """Raise JobTooLargeError where the job does not fit into a device for some of them."""
        check_job(self.target.memory(prepared.works), soc(self.target.job.soc))


def schemas_of(job: Job, without: Collection[str] = ()) -> dict[str, pa.Schema]:
    """Return the schemas of a job's tables; `without`: see `output_schemas`."""
    return output_schemas(job.work.table, job.work.columns(), job.partitions, without)


def _count(on_progress: Callable[[int], None], before: int, number: int) -> None:
    on_progress(before + number)


def resolve_target(job: Job) -> JobTarget:
    """Read what a job names and list its inputs.

    Raises UsageError where something is not there, the output is another job's, or a column that is
    taken from paths is in none; JobTooLargeError where the models do not fit into a device.
    """
    identity = identify(job)
    check_models(identity.cards, soc(job.soc))
    table = Table.of_job(job.output, identity.record)
    listing = expand(job.inputs, job.choice, job.media)
    uris = [source.uri for source in listing.sources]
    said = [
        check_path_columns(job.partitions, uris),
        check_start(job.start_rule, uris, schemas_of(job)),
    ]
    return JobTarget(job, identity, table, listing, " ".join(filter(None, said)))


def load_session(target: JobTarget) -> Session:
    """Read what the output holds, as it is."""
    return Session(target, target.table.state(), target.table.videos())


def worker_spec(target: JobTarget) -> WorkerSpec:
    """Return what each device of a run is told."""
    job = target.job
    return WorkerSpec(
        work=job.work,
        job_digest=target.digest,
        output=target.table.uri,
        soc=job.soc,
        partitions=job.partitions,
        models=target.identity.models,
        files=target.identity.files,
        watchdog_s=job.watchdog_s,
        without=target.without,
        conditional=target.table.conditional,
        providers=job.providers,
        heads=target.identity.heads,
    )
