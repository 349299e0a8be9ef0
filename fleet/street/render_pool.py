"""Processes that draw and decode pictures, each on one processor core."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

import cv2

from fleet.errors import JobFailedError

Result = TypeVar("Result")


@contextmanager
def render_pool(processes: int, each: str = "draws pictures") -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of at most `processes` processes; on leaving, cancel what has not begun.

    Raises JobFailedError where one of the processes dies; `each` says what it did.
    """
    # Forked, a child would inherit the locks of the parent's threads.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_prepare_process)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise JobFailedError(
            f"A process that {each} died; the system may have been short of memory.",
            "Run the same again, with fewer processes: what is made is kept.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def map_unordered(
    work: Callable[..., Result], pieces: Sequence[tuple[Any, ...]], processes: int
) -> Iterator[Result]:
    """Call `work` with the arguments of each piece, and yield the results as they come.

    Raises what the work raised, and JobFailedError where a process dies.
    """
    if not pieces:
        return
    with render_pool(min(processes, len(pieces))) as pool:
        for done in as_completed([pool.submit(work, *arguments) for arguments in pieces]):
            yield done.result()


def _prepare_process() -> None:
    cv2.setNumThreads(1)
    # Ctrl-C ends it without a traceback; the parent says what happened.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
