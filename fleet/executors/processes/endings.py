"""How a worker's process ended, in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from fleet.core.format import short
from fleet.storage import redact
from fleet.text import one_line

_COUNTS = Path("/proc/vmstat")
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}
_LONGEST = 200
"""Characters of what a process wrote last that are repeated."""


@dataclass(frozen=True)
class Ended:
    """Of a worker's process: it has ended, and nothing more will come from it."""

    reason: str
    """For people, as a clause."""


def memory_kills(counts: Path = _COUNTS) -> int | None:
    """Return how many processes the kernel has ended for memory; None where it does not count."""
    try:
        lines = counts.read_text("ascii").splitlines()
    except OSError:
        return None
    found = (line.partition(" ")[2] for line in lines if line.startswith("oom_kill "))
    return next(map(int, found), None)


def why_ended(code: int, last_words: bytes, *, killed_for_memory: bool) -> str:
    """Return the reason for people, as a clause.

    `code`: as of Popen, the number of a signal below 0. `last_words`: the end of what the process
    wrote to stderr. `killed_for_memory`: whether the kernel has ended processes for memory since
    this one was started.
    """
    reason = _how(code, killed_for_memory=killed_for_memory)
    lines = last_words.decode("utf-8", "replace").split("\n")
    said = next((text for line in reversed(lines) if (text := line.strip())), "")
    # What programs say may repeat a token.
    return f"{reason}; it wrote last: {short(one_line(redact(said)), _LONGEST)}" if said else reason


def _how(code: int, *, killed_for_memory: bool) -> str:
    if code >= 0:
        return f"its process ended by itself (exit code {code})"
    name = _name_of(-code)
    if -code in _CRASHES:
        return f"its process ended in a crash of native code ({name})"
    if -code == signal.SIGKILL and killed_for_memory:
        return f"the kernel ended its process because memory was spent ({name})"
    if -code == signal.SIGKILL:
        return f"its process was killed ({name}), by hand or where memory is spent"
    return f"its process was ended by {name}"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
