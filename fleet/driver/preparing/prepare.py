"""Before anything runs: index each video, refuse what the chip refuses, list the work.

A video's index comes from `fleet.index_cache`, so that each header is read once for all jobs. The
index of a video that is done is not needed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from fleet.ascend.soc import Soc
from fleet.core.source import Source
from fleet.driver.preparing.examine import Examiner, Outcome, Todo, video_of
from fleet.driver.preparing.prepared import Known, Prepared, Refusal
from fleet.index_cache.cache import IndexCache
from fleet.video.sampling import Sampling

INDEX_THREADS = 8
"""Headers read at a time: most of the time is spent waiting where the store is far away."""
MOST_PROCESSES = 8
"""Processes that look at headers: more of them than these wait for what their parent does."""
HEADERS_A_PROCESS = 64
"""Starting a process takes as much as looking at so many headers, so each is to have as many."""
BYTES_A_HEADER = 64 << 20
"""A scan of so many bytes takes longer than a header does."""


def prepare(
    sources: Sequence[Source],
    sample: Sampling,
    soc: Soc,
    known: Known,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    as_stored: bool = False,
) -> Prepared:
    """Index the videos and list what is left to do of each.

    `as_stored`: the job gets pictures as they are stored, and not as a player shows them.
    `on_progress` is called with the number of videos done so far. Raises CredentialsRefusedError:
    a store that refuses them for one video refuses them for every other.
    """
    processes = processes_worth(sources, len(os.sched_getaffinity(0)))
    indexes = IndexCache(known.store, INDEX_THREADS, processes=processes)
    examiner = Examiner(indexes, sample, soc, known, as_stored=as_stored)
    outcomes: list[Outcome] = []
    left = 0
    with (
        closing(indexes),
        ThreadPoolExecutor(INDEX_THREADS, thread_name_prefix="index") as threads,
    ):
        for number, (found, aside) in enumerate(threads.map(examiner.examine_all, sources), 1):
            outcomes += found
            left += aside
            on_progress(number)
    todo = [outcome for outcome in outcomes if isinstance(outcome, Todo)]
    return Prepared(
        works=tuple(item.work for item in todo if item.work.todo.any()),
        refused=tuple(item for item in outcomes if isinstance(item, Refusal)),
        videos=tuple(map(video_of, outcomes)),
        bytes_read=sum(item.bytes_read for item in todo),
        left_streams=left,
        mend=indexes.mend,
    )


def processes_worth(sources: Sequence[Source], cores: int) -> int:
    """Return how many processes looking at some videos is worth, where each has a core."""
    headers = sum(1 + source.bytes / BYTES_A_HEADER for source in sources)
    return max(1, min(cores, MOST_PROCESSES, math.floor(headers / HEADERS_A_PROCESS)))
