"""Devices that are processes and do not start: the job, the machine, or chance is to blame."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pixel_leases import Pixels
from process_hands import Hands, gone

from fleet.core.run_events import (
    DeviceJoined,
    NodeSetAside,
)
from fleet.errors import JobFailedError, UsageError
from fleet.executors.processes import process as process_module
from fleet.executors.processes import starts as starts_module
from fleet.executors.processes.pool import ProcessPool
from fleet.worker.spec import WorkerSpec


@dataclass(frozen=True)
class NotOpening(Pixels):
    """A job that cannot be opened: an error is raised, or its process ends."""

    error: Exception | None = None
    once: Path | None = None
    """Where it is noted how often it was not opened; after enough times it is."""
    failing: int = 1
    """How often that is."""

    def open(self, device: Any) -> Any:
        """Do not open."""
        if self.once and self.once.exists() and self.once.stat().st_size >= self.failing:
            return super().open(device)
        if self.once:
            with self.once.open("a") as file:
                file.write("x")
            while self.once.stat().st_size < self.failing:  # so that they fail together
                time.sleep(0.01)
        if self.error:
            raise self.error
        os._exit(7)


def test_what_the_job_is_to_blame_for_is_raised(spec: WorkerSpec) -> None:
    """With its way out, and nothing is tried again."""
    refused = UsageError("The model is not for this chip.", "Compile it for that.")
    work = NotOpening(print, refused)
    with closing(ProcessPool(replace(spec, work=work), most=1)) as pool:
        pool.set_target(1)
        with pytest.raises(UsageError, match="not for this chip") as raised:
            Hands(pool).until(DeviceJoined)
    assert raised.value.way_out == refused.way_out


def test_where_no_device_starts_the_run_fails_in_words(spec: WorkerSpec) -> None:
    """After some tries."""
    with closing(ProcessPool(replace(spec, work=NotOpening(print)), most=1)) as pool:
        pool.set_target(1)
        with pytest.raises(JobFailedError, match=r"on this machine: .*by itself .exit code 7."):
            Hands(pool).until(DeviceJoined)


@dataclass
class Scarce:
    """Of a function: its call of some number fails, as where the machine has no more."""

    function: Callable[..., Any]
    failing: int
    error: Exception
    calls: int = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call it, or fail."""
        self.calls += 1
        if self.calls == self.failing:
            raise self.error
        return self.function(*args, **options)


@pytest.mark.parametrize(
    ("module", "name", "failing", "error"),
    [
        (process_module, "Pipe", 1, OSError(24, "Too many open files")),
        (os, "pipe", 1, OSError(24, "Too many open files")),
        (os, "pipe", 2, OSError(24, "Too many open files")),
        (subprocess, "Popen", 1, BlockingIOError(11, "Resource temporarily unavailable")),
        *(
            (process_module.WorkerProcess, "_start", n, RuntimeError("can't start new thread"))
            for n in (1, 2, 3)
        ),
    ],
)
def test_what_the_machine_has_no_more_of_leaves_nothing_behind(
    module: Any, name: str, failing: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No handle, no thread, no process."""
    scarce = Scarce(getattr(module, name), failing, error)
    handles, threads = set(Path("/proc/self/fd").iterdir()), set(threading.enumerate())
    real, started = subprocess.Popen, list[subprocess.Popen[bytes]]()

    def start_thread(process: object, task: object) -> Any:
        return scarce(process, task)

    def start(*words: Any, **options: Any) -> Any:
        started.append(real(*words, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(module, name, start_thread if name == "_start" else scarce)
    with pytest.raises(type(error)):
        process_module.WorkerProcess(print)
    monkeypatch.undo()
    assert set(Path("/proc/self/fd").iterdir()) <= handles
    assert set(threading.enumerate()) <= threads
    assert all(gone(process.pid) for process in started)
    assert len(started) == (name == "_start")


@pytest.mark.parametrize("said", ["", "glibc.malloc.hugetlb=0"])
def test_memory_comes_in_large_pages_unless_the_user_says_otherwise(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said in the environment of a process, before that begins."""
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if said:
        monkeypatch.setenv("GLIBC_TUNABLES", said)
    process = process_module.WorkerProcess(lambda _: None)
    place, said_there, end_s = Path(f"/proc/{process.pid}/environ"), b"", time.monotonic() + 30
    # The kernel tells that a program has begun before it has laid out what that is given.
    while not said_there and time.monotonic() < end_s:
        said_there = place.read_bytes()
    found = said_there.split(b"\0")
    process.kill()
    process.join()
    assert f"GLIBC_TUNABLES={said or 'glibc.malloc.hugetlb=1'}".encode() in found


def test_where_a_process_cannot_be_had_it_is_tried_again(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing may be there by then."""
    error = RuntimeError("can't start new thread")
    scarce = Scarce(process_module.WorkerProcess, 1, error)
    monkeypatch.setattr(starts_module, "WorkerProcess", scarce)
    hands.pool.set_target(1)
    hands.until(DeviceJoined)
    assert scarce.calls == 2


def test_where_no_process_can_be_had_the_run_fails_in_words(
    spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries, with what the machine says."""

    def refuse(_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(starts_module, "WorkerProcess", refuse)
    with closing(ProcessPool(spec, most=3)) as pool:
        pool.set_target(3)
        with pytest.raises(JobFailedError, match=r"on this machine: no process .*unavailable"):
            Hands(pool).until(DeviceJoined)


def test_devices_that_fail_together_are_tried_again(spec: WorkerSpec, tmp_path: Path) -> None:
    """All fail at first, which is one failure of three; the next try joins."""
    work = NotOpening(print, once=tmp_path / "tried", failing=3)
    with closing(ProcessPool(replace(spec, work=work), most=3)) as pool:
        hands = Hands(pool)
        pool.set_target(3)
        hands.until(DeviceJoined, 3)
    assert not hands.of(NodeSetAside)


def test_a_device_that_does_not_start_at_first_is_tried_again(
    spec: WorkerSpec, tmp_path: Path
) -> None:
    """Whatever was in its way may have gone by then."""
    work = NotOpening(print, once=tmp_path / "tried")
    with closing(ProcessPool(replace(spec, work=work), most=1)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        assert hands.until(DeviceJoined)
    assert not hands.of(NodeSetAside)
