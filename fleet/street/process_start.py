"""What processes that draw find as they start, and that Ctrl-C waits until they are ready."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import Event, Lock, current_thread, main_thread

_TUNABLES = "GLIBC_TUNABLES"
_STARTING = Lock()
"""Held by a thread that has other variables in the environment for a moment."""


@contextmanager
def starting() -> Iterator[None]:
    """Have processes that start meanwhile find what they need, and hold Ctrl-C back from them.

    Each of them lets Ctrl-C through when it is ready.
    """
    with _surrounded():
        # Its start would let the signal through again.
        resource_tracker.ensure_running()
        with _held_back():
            yield


def environment() -> dict[str, str]:
    """Return the variables of this process, without those that `starting` sets for a moment."""
    with _STARTING:
        return dict(os.environ)


@contextmanager
def _surrounded() -> Iterator[None]:
    meant = {
        # What others are forked from would find those modules first that happen to lie in the
        # current folder.
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        # Pictures take few large pages of memory. glibc reads it as a process begins.
        _TUNABLES: os.environ.get(_TUNABLES, "glibc.malloc.hugetlb=1"),
    }
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
    """Hold Ctrl-C back, in processes that start meanwhile until they let it through."""
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
