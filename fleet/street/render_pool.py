"""Processes that draw and decode pictures, each on one processor core."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from tempfile import gettempdir
from threading import Event, Lock, Thread, current_thread, main_thread
from typing import Any, ParamSpec, TypeVar

from fleet.errors import JobFailedError

_TUNABLES = "GLIBC_TUNABLES"

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_LOADED_ONCE = ["fleet.street.loaded_once"]
"""What the process imports that all others are forked from."""
_TEMPORARY_BYTES = 71
"""So long may the path of the folder for temporary files be, where that process has its socket.

A socket's path has at most 103 bytes, of which multiprocessing takes 32.
"""
_STARTING = Lock()
"""Held by a thread that has other variables in the environment for a moment."""


class _Pool(ProcessPoolExecutor):
    """Processes that Ctrl-C ends without a traceback, also while they load what they need."""

    def submit(
        self, fn: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        with _found_as_here():
            # Its start would let the signal through again.
            resource_tracker.ensure_running()
            with _held_back(), _large_pages():
                return super().submit(fn, *args, **kwargs)


@contextmanager
def _found_as_here() -> Iterator[None]:
    """Have processes that start meanwhile find modules where this one does.

    What others are forked from would find those first that happen to lie in the current folder.
    """
    meant = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with _STARTING:
        before = {name: os.environ.get(name) for name in meant}
        try:
            os.environ.update(meant)
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold Ctrl-C back, in processes that start meanwhile until `_prepare_process`."""
    in_main, came = current_thread() is main_thread(), Event()
    # Any thread may take the signal, and the main one is interrupted then.
    usual = signal.signal(signal.SIGINT, lambda *_: came.set()) if in_main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if in_main:
            signal.signal(signal.SIGINT, usual)
        if came.is_set():
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _large_pages() -> Iterator[None]:
    """Have processes that start meanwhile use large pages of memory, of which pictures take few."""
    if _TUNABLES in os.environ:
        yield
        return
    # Of glibc, which reads it as a process begins; others do not know it.
    os.environ[_TUNABLES] = "glibc.malloc.hugetlb=1"
    try:
        yield
    finally:
        del os.environ[_TUNABLES]


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
    with _STARTING:
        environment = dict(os.environ)
    pool = _Pool(processes, context, _prepare_process, (wanted, environment))
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


def _prepare_process(wanted: Connection, environment: dict[str, str]) -> None:
    Thread(target=_end_with_pool, args=(wanted,), daemon=True).start()
    # It has that of what it was forked from, which may have been started long ago.
    os.environ.clear()
    os.environ.update(environment)
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
