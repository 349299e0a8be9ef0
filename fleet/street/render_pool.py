"""Processes that draw and decode pictures, each on one processor core."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from tempfile import gettempdir
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from fleet.errors import JobFailedError
from fleet.street.process_start import environment, starting

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_LOADED_ONCE = ["fleet.street.loaded_once"]
"""What the process imports that all others are forked from."""
_TEMPORARY_BYTES = 71
"""So long may the path of the folder for temporary files be, where that process has its socket.

A socket's path has at most 103 bytes, of which multiprocessing takes 32.
"""


class _Pool(ProcessPoolExecutor):
    """Processes that Ctrl-C ends without a traceback, also while they load what they need."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        with starting():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def render_pool(processes: int, each: str = "draws pictures") -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of at most `processes` processes; on leaving, cancel what has not begun.

    Where Ctrl-C ends it, or nobody wants the results, also what has.
    Raises JobFailedError where one of the processes dies; `each` says what it did.
    """
    # Forked from this process, a child would inherit the locks of its threads. Forked from one that
    # only loads what draws and forks, it has nothing to load, which takes 0.6 s each. The threads
    # there are OpenBLAS's and jemalloc's, which are prepared for it.
    is_short = len(os.fsencode(gettempdir())) <= _TEMPORARY_BYTES
    context = get_context("forkserver" if is_short else "spawn")
    context.set_forkserver_preload(_LOADED_ONCE)
    wanted, end = context.Pipe(duplex=False)
    pool = _Pool(processes, context, _prepare_process, (wanted, environment()))
    try:
        yield pool
    except (KeyboardInterrupt, GeneratorExit):
        # A process that was forked only afterwards has not had the signal.
        end.close()
        raise
    except BrokenProcessPool as error:
        raise JobFailedError(
            f"A process that {each} died; the system may have been short of memory.",
            "Run the same again, with fewer processes: what is made is kept.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
        end.close()
        wanted.close()


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


def _prepare_process(wanted: Connection, variables: dict[str, str]) -> None:
    Thread(target=_end_with_pool, args=(wanted,), daemon=True).start()
    # It has that of what it was forked from, which may have been started long ago.
    os.environ.clear()
    os.environ.update(variables)
    # The parent has no use for it.
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)
    # Ctrl-C ends it without a traceback; the parent says what happened.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_pool(wanted: Connection) -> None:
    """End where the pool was ended early, or its process killed, which would leave this one."""
    parent = parent_process()
    assert parent is not None
    wait([wanted, parent.sentinel])
    os._exit(1)
