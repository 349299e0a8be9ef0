"""What a run starts from: what a job names, and what its output holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from fleet.ascend.soc import soc
from fleet.ascend.stream_rules import is_for_chip
from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.source import Source
from fleet.driver.preparing.patience import keep_trying
from fleet.driver.preparing.prepare import prepare_in_windows
from fleet.driver.preparing.prepared import Known, Prepared
from fleet.driver.preparing.streams import further_streams
from fleet.driver.target.device_memory import check_job
from fleet.driver.target.target import JobTarget
from fleet.errors import StorageError
from fleet.executors.index_pool import MakeIndexPool
from fleet.index_cache.store import IndexStore
from fleet.table.parts.videos import DescribedVideo
from fleet.table.state.kept_windows import KeptWindows
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import Video
from fleet.table.state.video_notes import VideoNotes


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
    make_index_pool: MakeIndexPool | None = None
    """See Known."""

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
                    if window.is_last:
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
                if not window.is_last and kept is None and not self.joined:
                    kept = self._kept_windows()
                named = self._named(window, is_first=len(seen) == 1)
                put = partial(self._put_window, window, seen, kept, finish, *named)
                if len(seen) == 1:
                    put()
                else:
                    putting(put)
                if window.is_last:
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

    def _named(
        self, window: Prepared, *, is_first: bool
    ) -> tuple[Sequence[Source], tuple[str, ...]]:
        """Return what is named beside a window: files to look at, and inputs that are listed on."""
        inputs = self.target.inputs
        if inputs is not None and window.lists_on:
            # Asked in this order, or files that come in between would be in neither of them.
            open_inputs = inputs.listed.open_inputs
            return inputs.listed.unnamed(), open_inputs
        if inputs is not None:
            return inputs.listed.unnamed(), ()
        return self.target.listing.sources[-window.to_look :] if is_first else (), ()

    def _put_window(
        self,
        window: Prepared,
        seen: Sequence[tuple[Video, ...]],
        kept: KeptWindows | None,
        finish: Callable[[], tuple[DescribedVideo, ...]],
        to_look: Sequence[Source],
        open_inputs: Sequence[str],
    ) -> None:
        table = self.target.table
        if window.is_last:
            videos = tuple(chain.from_iterable(seen))
            # Behind the first window an epoch may have begun, which takes away what it replaces.
            state = self.state if len(seen) == 1 else table.state()
            table.keep_videos(state, videos, finish(), joined=self.joined)
        elif kept:
            kept.add(window.videos, to_look, open_inputs)

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
            make_index_pool=self.make_index_pool,
        )
        inputs = self.target.inputs
        sources = inputs.listed if inputs else self.target.listing.sources
        as_stored = job.rotation == "ignore"
        chip = soc(job.soc)
        return prepare_in_windows(
            sources, job.sample, chip, known, on_progress, as_stored=as_stored
        )

    def _check(self, prepared: Prepared) -> None:
        """Raise JobTooLargeError where the job does not fit into a device for some of them."""
        check_job(self.target.memory(prepared.works), soc(self.target.job.soc))


def _count(on_progress: Callable[[int], None], before: int, number: int) -> None:
    on_progress(before + number)


def load_session(target: JobTarget) -> Session:
    """Read what the output holds, as it is."""
    return Session(target, target.table.state(), target.table.videos())
