"""A contestant's process, measured from its start to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import IO, Any

PATIENCE_S, LOOK_S = 30.0, 0.05
"""How long what a process leaves behind may take to end by itself, and how often it is looked at."""


@dataclass(frozen=True)
class Command:
    """What is started, and where its output can be read."""

    line: tuple[str, ...]
    """The program and its arguments."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it has besides this process's environment."""
    folder: str = "."
    """Where it is started."""
    output: str = ""
    """Fleet's output, whose diary tells when its devices came; "" for others."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    wall_s: float
    """From before its start to after its end."""
    text: str
    """What it printed."""
    why: str
    """Why its figures do not count; "" where they do."""

    def told(self) -> dict[str, Any]:
        """Return what it told on its last line, as JSON; nothing where it did not."""
        lines = [line for line in self.text.splitlines() if line.startswith("{")]
        with suppress(json.JSONDecodeError):
            found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
            return found
        return {}


def ended(command: Command, timeout_s: float, cores: int | None = None) -> Ended:
    """Run it to its end, or until its time is over; nothing that it started is left.

    `cores`: how many it may use, and whatever it starts; all of them without.
    """
    with tempfile.TemporaryFile() as printed:
        began_s = perf_counter()
        with _started(command, printed, cores) as process:
            try:
                code: int | None = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                wall_s = perf_counter() - began_s
                # What ends in the background is not waited for, but takes no time from the next one.
                settle(process.pid, PATIENCE_S if process.returncode is not None else 0.0)
        printed.seek(0)
        text = printed.read().decode(errors="replace")
    why = f"did not end in {timeout_s:g} s" if code is None else _complaint(code, text)
    return Ended(wall_s, text, why)


def _started(command: Command, printed: IO[bytes], cores: int | None) -> subprocess.Popen[bytes]:
    """Start it; a process has the cores of the thread that starts it."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(own)[:cores])
    try:
        return subprocess.Popen(
            command.line,
            cwd=command.folder,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    finally:
        os.sched_setaffinity(0, own)


def settle(session: int, patience_s: float) -> None:
    """Wait for what is left of a session that this process began, and end it when patience is over."""
    until_s = perf_counter() + patience_s
    while left_of(session) and perf_counter() < until_s:
        sleep(LOOK_S)
    for pid in left_of(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def left_of(session: int) -> list[int]:
    """Return the processes of a session that still run, whatever their groups."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, *rest = stat.read_text("ascii", "replace").rpartition(")")[2].split()
            if int(rest[2]) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def _complaint(code: int, text: str) -> str:
    if not code:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"ended with {code}: {(lines or ['it said nothing'])[-1][:160]}"
