"""Python objects in the hands of Arrow's threads, and the end of the process.

Arrow's threads may drop a buffer or a file after the call that they worked for has returned. Where
that is a Python object, they need the interpreter; if it has ended meanwhile, the process aborts
("terminate called without an active exception"). So what they get is memory of Arrow's where that
can be, and the process waits at its end until nothing else is in their hands.
"""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

import pyarrow as pa

QUIET_S = 0.25
"""Seconds without a read after which what is still held is taken for held by Python alone."""
_HELD: set[weakref.ref[object]] = set()
_READING: set[int] = set()
_last_read_s = 0.0


def native_buffer(data: bytes) -> pa.Buffer:
    """Return a copy of some bytes in memory that no Python object owns."""
    buffer = pa.allocate_buffer(len(data))
    with memoryview(buffer) as view, view.cast("B") as written:
        written[:] = data
    return buffer


def watch(held: object) -> None:
    """Let the process wait at its end until an object is gone."""
    # What is called back is no Python code: whoever drops the last reference keeps the interpreter
    # from the moment that this can be seen until it has no use for it any more.
    _HELD.add(weakref.ref(held, _HELD.discard))


@contextmanager
def reading() -> Iterator[None]:
    """Count a thread as one that reads something that is watched."""
    global _last_read_s  # noqa: PLW0603 - one process, one end of it
    _READING.add(get_ident())
    try:
        yield
    finally:
        _last_read_s = time.monotonic()
        _READING.discard(get_ident())


def await_threads() -> None:
    """Wait until nothing that is watched is left, or none of it is read for QUIET_S.

    A scan that was ended early reads ahead until what it has asked for is there.
    """
    began_s = time.monotonic()
    while _HELD and (_READING or time.monotonic() - max(began_s, _last_read_s) < QUIET_S):
        time.sleep(0.002)


def _forget() -> None:
    _READING.clear()
    _HELD.clear()


# It runs before the interpreter ends: until then threads still get it.
atexit.register(await_threads)
# A child process has none of its parent's threads.
os.register_at_fork(after_in_child=_forget)
