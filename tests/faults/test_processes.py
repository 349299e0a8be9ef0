"""Devices that are processes of this machine: what they are told, how they end, what that costs."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from generate import Clip
from pixel_leases import GOP, GOPS, JOB, TIMEOUT_S, Pixels, lease_of

from fleet.core.progress import Progress
from fleet.core.run_events import (
    Cause,
    DeviceJoined,
    DeviceLost,
    DevicesAwaited,
    Event,
    LeaseCancelled,
    LeaseDone,
    NodeSetAside,
)
from fleet.errors import JobFailedError, UsageError
from fleet.executors.processes import pool as pool_module
from fleet.executors.processes import process as process_module
from fleet.executors.processes.pool import ProcessPool
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.scheduler.commands import Assign, Cancel, Release, Truncate
from fleet.worker.spec import WorkerSpec


@dataclass(frozen=True)
class Held:
    """Stands at each frame until a file is there."""

    until: Path

    def __call__(self, _: int) -> None:
        """Wait."""
        while not self.until.exists():
            time.sleep(0.01)


@dataclass(frozen=True)
class Leaving:
    """Ends its process, after some words."""

    how: Literal["exit", "interrupt"]

    def __call__(self, _: int) -> None:
        """End it."""
        os.write(2, "kein Gerät\n".encode())
        if self.how == "exit":
            os._exit(3)
        raise KeyboardInterrupt("pressed by nobody")


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


@dataclass
class Hands:
    """A pool, and everything that it has told."""

    pool: ProcessPool
    told: list[Event] = field(default_factory=list)
    heard: dict[str, Progress] = field(default_factory=dict)
    """Device -> where it stands."""
    awaited: list[DevicesAwaited] = field(default_factory=list)
    """How many were on their way, each time that this was told."""

    def turn(self) -> None:
        """Poll once, and ask where devices stand."""
        self.told += self.pool.poll(0.1)
        for news in self.pool.progress():
            if isinstance(news, DevicesAwaited):
                self.awaited.append(news)
            else:
                self.heard[news.device] = news

    def until(self, kind: type[Any], many: int = 1) -> Any:
        """Poll until there have been so many events of a kind, and return the last one."""
        self.wait(lambda: len(self.of(kind)) >= many, f"{many} {kind.__name__}")
        return self.of(kind)[-1]

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of a kind."""
        return [event for event in self.told if isinstance(event, kind)]

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Poll until something holds."""
        end_s = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < end_s, f"no {what} in {self.told}"
            self.turn()

    def pid(self, device: str) -> int:
        """Return the process of a device."""
        self.wait(lambda: device in self.heard, f"word of {device}")
        return self.heard[device].pid

    def until_at(self, device: str, lease: str) -> None:
        """Poll until a device says that it is at a lease."""
        self.heard.pop(device, None)
        self.wait(lambda: device in self.heard and self.heard[device].lease == lease, lease)


def gone(pid: int) -> bool:
    """Return whether there is no such process any more, or only its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def until_gone(pid: int) -> None:
    """Wait until a process is gone."""
    end_s = time.monotonic() + TIMEOUT_S
    while not gone(pid):
        assert time.monotonic() < end_s, f"{pid} is still there"
        time.sleep(0.02)


@pytest.fixture
def lease(tmp_path: Path) -> tuple[Lease, Any]:
    """A lease of ten GOPs in two clips."""
    return lease_of(Clip(frames=GOP * GOPS, gop=GOP), tmp_path)


@pytest.fixture
def orders(lease: tuple[Lease, Any]) -> list[LeaseOrder]:
    """A lease for each of the clips, and one for both."""
    whole, works = lease
    alone = [Lease(f"{shard.interval.uri[-5]}", (shard,)) for shard in whole.shards]
    return [order(each, works) for each in (*alone, whole)]


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    """A worker whose job stands still until the file `go` is there."""
    work = Pixels(Held(tmp_path / "go"))
    return WorkerSpec(work, JOB, str(tmp_path / "out"), "Ascend310", "", {}, {})


@pytest.fixture
def hands(spec: WorkerSpec) -> Iterator[Hands]:
    """A pool without a device so far; none of its processes is left."""
    with closing(ProcessPool(spec, most=3)) as pool:
        hands = Hands(pool)
        yield hands
    for progress in hands.heard.values():
        assert gone(progress.pid)


def give(hands: Hands, device: str, made: LeaseOrder) -> None:
    """Hand a lease out."""
    hands.pool.apply(Assign(device, made.lease), made)


def test_leases_are_put_down_and_ended_early_when_told(
    hands: Hands, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """One that runs, and one that waits behind it; and the device goes on."""
    first, second, both = orders
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    assert hands.pool.capacity == 3
    give(hands, device, first)
    hands.until_at(device, first.lease)
    give(hands, device, second)
    hands.pool.tell(Cancel(device, second.lease))
    waiting = hands.until(LeaseCancelled)
    assert (waiting.lease, waiting.wall_s) == (second.lease, 0.0)
    give(hands, device, both)
    hands.pool.tell(Truncate(device, both.lease))
    hands.pool.tell(Cancel(device, first.lease))
    (tmp_path / "go").touch()
    assert hands.until(LeaseCancelled, 2).lease == first.lease
    done = hands.until(LeaseDone)
    assert done.lease == both.lease
    assert done.receipt.tally.frames == GOP
    give(hands, device, second)
    assert hands.until(LeaseDone, 2).receipt.tally.frames == GOP * GOPS
    assert not hands.of(DeviceLost)


def test_devices_come_and_go_with_what_is_wanted(
    hands: Hands, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """Those that start are taken back, those that are there are let go, idle or at work."""
    hands.pool.set_target(3)
    hands.pool.set_target(2)
    hands.until(DeviceJoined, 2)
    idle, busy = (joined.device for joined in hands.of(DeviceJoined))
    pids = [hands.pid(device) for device in (idle, busy)]
    hands.pool.set_target(1)
    hands.turn()
    assert not hands.of(DeviceLost), "what has come is let go by Release alone"
    hands.pool.set_target(0)
    give(hands, busy, orders[0])
    hands.until_at(busy, orders[0].lease)
    for device in (idle, busy):
        hands.pool.tell(Release(device))
    hands.until(DeviceLost, 2)
    assert {(lost.device, lost.cause) for lost in hands.of(DeviceLost)} == {
        (idle, Cause.RELEASED),
        (busy, Cause.RELEASED),
    }
    for pid in pids:
        until_gone(pid)
    (tmp_path / "go").touch()
    hands.pool.set_target(1)
    again = hands.until(DeviceJoined, 3).device
    assert again not in {idle, busy}
    give(hands, again, orders[0])
    assert hands.until(LeaseDone).device == again


def test_what_is_on_its_way_is_told_once_it_changes(hands: Hands) -> None:
    """From the first look on, so that a run says what it waits for."""
    hands.pool.set_target(3)
    hands.turn()
    assert hands.awaited[0] in {DevicesAwaited(3, 0), DevicesAwaited(2, 0)}
    hands.until(DeviceJoined, 3)
    hands.wait(lambda: hands.awaited[-1] == DevicesAwaited(0, 0), "word that all are there")
    counts = [awaited.opening for awaited in hands.awaited]
    assert counts == sorted(set(counts), reverse=True)
    os.kill(hands.pid(hands.of(DeviceJoined)[0].device), signal.SIGKILL)
    hands.until(DeviceJoined, 4)
    hands.turn()
    assert [awaited.opening for awaited in hands.awaited[-2:]] == [1, 0]


def test_a_killed_worker_is_replaced(hands: Hands, orders: list[LeaseOrder]) -> None:
    """Idle or at work: the lease that it ran is named, and how it ended."""
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    os.kill(hands.pid(device), signal.SIGKILL)
    lost = hands.until(DeviceLost)
    assert (lost.device, lost.cause, lost.ran) == (device, Cause.DIED, "")
    assert "SIGKILL" in lost.reason
    second = hands.until(DeviceJoined, 2).device
    give(hands, second, orders[0])
    hands.until_at(second, orders[0].lease)
    os.kill(hands.pid(second), signal.SIGSEGV)
    lost = hands.until(DeviceLost, 2)
    assert (lost.device, lost.cause, lost.ran) == (second, Cause.DIED, orders[0].lease)
    assert lost.reason == "its process ended in a crash of native code (SIGSEGV)"
    assert hands.until(DeviceJoined, 3).device not in {device, second}


def test_ctrl_c_and_sigterm_are_left_to_the_driver(
    hands: Hands, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """Also where they reach each process, as from a service manager."""
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    assert os.getsid(hands.pid(device)) != os.getsid(0), "a terminal's Ctrl-C does not reach it"
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(hands.pid(device), number)
    (tmp_path / "go").touch()
    give(hands, device, orders[0])
    assert hands.until(LeaseDone).device == device
    assert not hands.of(DeviceLost)


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [("exit", 3, "kein Gerät"), ("interrupt", 1, "KeyboardInterrupt: pressed by nobody")],
)
def test_a_job_that_ends_its_worker_is_quoted(
    spec: WorkerSpec,
    orders: list[LeaseOrder],
    how: Literal["exit", "interrupt"],
    code: int,
    words: str,
) -> None:
    """And does not keep the run waiting for an answer."""
    with closing(ProcessPool(replace(spec, work=Pixels(Leaving(how))), most=1)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        give(hands, hands.until(DeviceJoined).device, orders[0])
        lost = hands.until(DeviceLost)
    assert lost.cause is Cause.DIED
    ended = f"its process ended by itself (exit code {code})"
    assert lost.reason == f"{ended}; it wrote last: {words}"


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


def test_where_a_process_cannot_be_had_it_is_tried_again(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing may be there by then."""
    error = RuntimeError("can't start new thread")
    scarce = Scarce(process_module.WorkerProcess, 1, error)
    monkeypatch.setattr(pool_module, "WorkerProcess", scarce)
    hands.pool.set_target(1)
    hands.until(DeviceJoined)
    assert scarce.calls == 2


def test_where_no_process_can_be_had_the_run_fails_in_words(
    spec: WorkerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries, with what the machine says."""

    def refuse(_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pool_module, "WorkerProcess", refuse)
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
