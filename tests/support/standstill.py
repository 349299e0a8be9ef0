"""A whole run brought to a standstill, as on a machine that is cut off, and let go on again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Standstill:
    """A driver and its workers, stopped: nobody kills these, as whoever watches them stands too."""

    driver: int
    workers: tuple[int, ...]

    def let_workers_go_on(self) -> None:
        """They end what they hold; nobody hears of it."""
        for worker in self.workers:
            _go_on(worker)

    def let_driver_go_on(self) -> None:
        """It finds out that it was given up."""
        _go_on(self.driver)


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def stand_still(output: Path, commits: int, longest_s: float) -> Standstill:
    """Stop the run that a child of this process drives, once `output` holds so many leases."""
    until_s = time.monotonic() + longest_s
    while len(list(output.glob("frames/part-*"))) < commits:
        assert time.monotonic() < until_s, "the run does not come so far"
        time.sleep(0.02)
    (driver,) = (
        pid for pid in _below(os.getpid()) if b"fleet.chaos.driver_process" in _command(pid)
    )
    workers = tuple(pid for pid in _below(driver) if _is_worker(_command(pid)))
    assert workers, "the run has no workers"
    for pid in (driver, *workers):
        os.kill(pid, signal.SIGSTOP)
    return Standstill(driver, workers)


def _is_worker(command: bytes) -> bool:
    """Return whether a process is a device: an actor of Ray, or a process of its own."""
    return command.startswith(b"ray::DeviceActor") or b"fleet.executors.processes.child" in command


def _below(ancestor: int) -> Iterator[int]:
    """Yield the children of a process, theirs, and so on."""
    for task in Path(f"/proc/{ancestor}/task").glob("*/children"):
        for child in map(int, task.read_text("ascii").split()):
            yield child
            yield from _below(child)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
