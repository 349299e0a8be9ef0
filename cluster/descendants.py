"""The processes below this one: adopted once their own parents have ended, and ended at the end."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_END_S = 8.0
"""They have so long to end by themselves."""


def adopt_orphans() -> None:
    """Become the parent of descendants whose own has ended; raises OSError where that cannot be.

    Ray's processes outlive the ones that start them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this system has no child subreapers")


def end_descendants() -> None:
    """End all descendants of this process, with SIGTERM, and after a while with SIGKILL."""
    until_s = time.monotonic() + _END_S
    number = signal.SIGTERM
    signalled: set[int] = set()
    while left := _descendants():
        if time.monotonic() > until_s:
            number, signalled = signal.SIGKILL, set()
        for pid in set(left) - signalled:
            _send(pid, number)
        signalled |= set(left)
        _reap()
        time.sleep(0.05)


def _descendants() -> list[int]:
    """Return the living descendants of this process."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and (parent := _living_parent(path)):
            below.setdefault(parent, []).append(int(path.name))
    found = [os.getpid()]
    for pid in found:
        found += below.get(pid, [])
    return found[1:]


def _living_parent(process: Path) -> int:
    try:
        fields = (process / "stat").read_text("utf-8").rpartition(") ")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[1])


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
