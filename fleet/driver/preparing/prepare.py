"""Before anything runs: index each video, refuse what the chip refuses, list the work.

A video's index comes from `fleet.index_cache`, so that each header is read once for all jobs. The
index of a video that is done is not needed.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, nullcontext
from functools import partial
from itertools import count
from typing import TypeVar

from fleet.ascend.soc import Soc
from fleet.core.source import Source
from fleet.driver.preparing.examine import Examiner, Outcome, Todo, video_of
from fleet.driver.preparing.index_leases import IndexLeases
from fleet.driver.preparing.listed import Listed
from fleet.driver.preparing.prepared import Known, Prepared, Refusal
from fleet.index_cache.cache import IndexCache
from fleet.plan.index_leases import IndexQueue, headers_in
from fleet.plan.windows import Extent, is_window
from fleet.video.sampling import Sampling

INDEX_THREADS = 8
"""Headers read at a time: most of the time is spent waiting where the store is far away."""
LOOKED_AHEAD = 4 * INDEX_THREADS
"""Files that are looked at before it is their turn: one that takes long is not to keep others."""
LOOK_S = 0.25
"""How long a file is waited for before it is asked whether anybody wants it still."""
MOST_PROCESSES = 8
"""Processes that look at headers: more of them than these wait for what their parent does."""
QUIET = 4
"""How often nothing comes of the listing before work begins on what there is, once a moment."""
HEADERS_A_PROCESS = 64
"""Starting a process takes as much as looking at so many headers, so each is to have as many."""
_Found = TypeVar("_Found")


def prepare(
    sources: Sequence[Source],
    sample: Sampling,
    soc: Soc,
    known: Known,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    as_stored: bool = False,
) -> Prepared:
    """Index the videos and list what is left to do of each; see `prepare_in_windows`."""
    windows = prepare_in_windows(sources, sample, soc, known, on_progress, as_stored=as_stored)
    return Prepared.together(list(windows))


def prepare_in_windows(
    sources: Sequence[Source] | Listed,
    sample: Sampling,
    soc: Soc,
    known: Known,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    as_stored: bool = False,
) -> Generator[Prepared, None, None]:
    """Index the videos and list what is left to do of each, window by window, in their order.

    `as_stored`: the job gets pictures as they are stored, and not as a player shows them.
    `on_progress` is called with the number of videos done so far. Raises CredentialsRefusedError:
    a store that refuses them for one video refuses them for every other; and what listing raises,
    behind what the files show that are listed.
    """
    listed = sources if isinstance(sources, Listed) else Listed(known=sources)
    processes = _processes(listed, len(os.sched_getaffinity(0)))
    leases = _index_leases(listed, known)
    indexes = IndexCache(known.store, INDEX_THREADS, processes=processes, elsewhere=leases)
    examiner = Examiner(indexes, sample, soc, known, as_stored=as_stored)
    with (
        closing(indexes),
        ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index") as threads,
        # Before the threads end, of which some may wait for others.
        closing(leases) if leases else nullcontext(),
    ):
        window, before = _Window(indexes.mend, listed), Extent()
        names = _noted(listed, leases)
        quiet = 0
        begin = partial(_begin, threads, examiner)
        for found in _in_order(begin, names, on_progress):
            if found:
                window.add(*found)
                on_progress(before.files + window.extent.files)
            quiet = 0 if found else quiet + 1
            is_due = is_window(window.extent, before) or quiet >= QUIET
            if window.extent.files and is_due and not window.is_last(before.files):
                before += window.extent
                yield window.prepared(before.files)
                window = _Window(indexes.mend, listed)
        if window.extent.files or listed.is_whole:
            yield window.prepared(before.files + window.extent.files)
        listed.check()


class _Window:
    """What was found out since the last window."""

    def __init__(self, mend: Callable[[Source], None], listed: Listed) -> None:
        self._outcomes: list[Outcome] = []
        self._left_streams = 0
        self._mend = mend
        self._listed = listed
        self.extent = Extent()

    def add(self, found: Sequence[Outcome], left_streams: int) -> None:
        """Add what a file holds, and how many of its streams are left aside."""
        self._outcomes += found
        self._left_streams += left_streams
        cost = sum(outcome.work.todo_cost_s for outcome in found if isinstance(outcome, Todo))
        self.extent += Extent(1, cost)

    def is_last(self, before: int) -> bool:
        """Return whether nothing comes after it; `before`: how many files came before it."""
        return self._listed.is_whole and before + self.extent.files == len(self._listed)

    def prepared(self, number: int) -> Prepared:
        """Return all of it; `number`: how many files are looked at by now."""
        # Asked first: of a listing that has ended since, nothing is missing behind that.
        lists_on = not self._listed.is_whole
        todo = [outcome for outcome in self._outcomes if isinstance(outcome, Todo)]
        return Prepared(
            works=tuple(item.work for item in todo if item.work.todo.any()),
            refused=tuple(item for item in self._outcomes if isinstance(item, Refusal)),
            videos=tuple(map(video_of, self._outcomes)),
            bytes_read=sum(item.bytes_read for item in todo),
            left_streams=self._left_streams,
            mend=self._mend,
            looked_at=self.extent.files,
            to_look=len(self._listed) - number,
            lists_on=lists_on,
        )


def _begin(
    threads: ThreadPoolExecutor, examiner: Examiner, source: Source
) -> Future[tuple[list[Outcome], int]]:
    """Have a file looked at; at once where nothing is waited for.

    Threads that only compute wait for each other, which takes a third as long again.
    """
    if not examiner.is_quick(source):
        return threads.submit(examiner.examine_all, source)
    looked: Future[tuple[list[Outcome], int]] = Future()
    looked.set_result(examiner.examine_all(source))
    return looked


def _in_order(
    begin: Callable[[Source], Future[_Found]],
    sources: Iterable[Source | None],
    on_progress: Callable[[int], None],
) -> Iterator[_Found | None]:
    """Yield what each video shows, in their order; `begin` has a few looked at ahead.

    Where None comes instead of a video, all before it is yielded, and None. `on_progress`: called
    now and then while a video takes long, as what it raises ends the others.
    """
    ahead: deque[Future[_Found]] = deque()
    numbers = count()

    def first() -> _Found:
        number = next(numbers)
        # Of one that is there already, waiting takes longer than all else.
        while not (ahead[0].done() or wait([ahead[0]], LOOK_S).done):
            on_progress(number)
        return ahead.popleft().result()

    try:
        for source in sources:
            if source is not None:
                ahead.append(begin(source))
            while ahead and (source is None or len(ahead) > LOOKED_AHEAD):
                yield first()
            if source is None:
                on_progress(0)
                yield None
        while ahead:
            yield first()
    finally:
        for future in ahead:
            future.cancel()


def _processes(listed: Listed, cores: int) -> int:
    """Return how many processes may look at files; one starts where all others have something."""
    return processes_worth(listed[:], cores) if listed.is_whole else min(cores, MOST_PROCESSES)


def processes_worth(sources: Sequence[Source], cores: int) -> int:
    """Return how many processes looking at some videos is worth, where each has a core."""
    headers = math.floor(headers_in(sources) / HEADERS_A_PROCESS)
    return max(1, min(cores, MOST_PROCESSES, headers))


def _index_leases(listed: Listed, known: Known) -> IndexLeases | None:
    """Return what has others look at videos; None where there are no others."""
    store = known.store
    if known.make_index_pool is None or store is None:
        return None

    def is_known(source: Source) -> bool:
        return known.is_done(source) or store.knows(source)

    return IndexLeases(
        known.make_index_pool, IndexQueue(listed, lambda: listed.is_whole), is_known, store
    )


def _noted(listed: Listed, leases: IndexLeases | None) -> Iterator[Source | None]:
    """Yield all videos, and note how far the plan has come."""
    number = 0
    for source in listed.names():
        number += source is not None
        if leases and source:
            leases.reach(number)
        yield source
