"""Processes that begin before their job is loaded: what becomes of them."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pixel_leases import TIMEOUT_S, Pixels
from process_hands import Hands, gone, until_gone

from fleet.core.run_events import DeviceJoined
from fleet.executors.processes import starts as starts_module
from fleet.executors.processes.pool import ProcessPool
from fleet.executors.processes.starts import ProcessStarts
from fleet.worker.spec import WorkerSpec


@pytest.fixture
def starts() -> Iterator[ProcessStarts]:
    """What a pool gets its processes from."""
    with closing(ProcessStarts()) as starts:
        yield starts


def children() -> set[int]:
    """Return the processes that this one has started and that have not ended."""
    found = set()
    for path in Path("/proc/self/task").glob("*/children"):
        found |= set(map(int, path.read_text("ascii").split()))
    return {pid for pid in found if not gone(pid)}


def begun(starts: ProcessStarts, devices: int) -> set[int]:
    """Have processes begin, and return them."""
    before = children()
    starts.begin(devices)
    return children() - before


def until_loaded(pid: int) -> None:
    """Wait until a process has loaded what every job needs, and waits to be told more."""
    end_s = time.monotonic() + TIMEOUT_S
    # From then on the kernel would end it before others.
    while Path(f"/proc/{pid}/oom_score_adj").read_text("ascii").strip() != "1000":
        assert time.monotonic() < end_s, f"{pid} does not load"
        time.sleep(0.02)


def test_a_process_that_has_begun_is_the_first_device_and_may_use_every_core(
    spec: WorkerSpec, starts: ProcessStarts
) -> None:
    """Until it is told what it is for, it leaves one to who loads the job."""
    (pid,) = begun(starts, 1)
    mine = os.sched_getaffinity(0)
    assert len(os.sched_getaffinity(pid)) == max(1, len(mine) - 1)
    with closing(ProcessPool(spec, most=2, starts=starts)) as pool:
        hands = Hands(pool)
        pool.set_target(2)
        hands.wait(lambda: sum(isinstance(event, DeviceJoined) for event in hands.told) == 2, "two")
        assert hands.pid("npu/0") == pid
        assert hands.pid("npu/1") != pid
        # Libraries have started threads while it had a core less.
        threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
        assert all(os.sched_getaffinity(thread) == mine for thread in threads)


def test_a_process_that_has_begun_finds_what_is_found_since(
    spec: WorkerSpec,
    starts: ProcessStarts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The folder of a job's module, which loading the job has added."""
    (pid,) = begun(starts, 1)
    until_loaded(pid)
    text = "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Passing:\n"
    (tmp_path / "found_since.py").write_text(f"{text}    def __call__(self, _):\n        pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    passing = importlib.import_module("found_since").Passing()
    with closing(ProcessPool(replace(spec, work=Pixels(passing)), starts=starts)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        hands.until(DeviceJoined)
        assert hands.pid("npu/0") == pid


@pytest.mark.parametrize("loaded", [False, True])
def test_another_process_takes_the_place_of_one_that_ended_before_it_was_needed(
    spec: WorkerSpec, starts: ProcessStarts, *, loaded: bool
) -> None:
    """At once, and nothing is told of it: no device was lost."""
    (pid,) = begun(starts, 1)
    if loaded:
        until_loaded(pid)
    os.kill(pid, signal.SIGKILL)
    until_gone(pid)
    with closing(ProcessPool(spec, most=1, starts=starts)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        hands.until(DeviceJoined)
        assert hands.pid("npu/0") != pid
        assert len(hands.told) == 1


def test_others_take_the_place_of_those_that_began_in_another_environment(
    spec: WorkerSpec, starts: ProcessStarts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one without the number of threads that loading the job has set for a library."""
    pids = begun(starts, 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with closing(ProcessPool(spec, most=1, starts=starts)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        hands.until(DeviceJoined)
        given = Path(f"/proc/{hands.pid('npu/0')}/environ").read_bytes().split(b"\0")
        assert b"OMP_NUM_THREADS=3" in given
        assert all(map(gone, pids))
        assert len(hands.told) == 1


def test_processes_that_nobody_asks_for_end_with_the_pool(
    spec: WorkerSpec, starts: ProcessStarts
) -> None:
    """Of two that have begun, one was needed."""
    pids = begun(starts, 2)
    assert len(pids) == 2
    with closing(ProcessPool(spec, most=2, starts=starts)) as pool:
        pool.set_target(1)
        Hands(pool).until(DeviceJoined)
        assert not any(map(gone, pids))
    assert all(map(gone, pids))


def test_processes_that_have_begun_end_where_there_is_no_pool(starts: ProcessStarts) -> None:
    """As of a job that is refused."""
    pids = begun(starts, 2)
    starts.close()
    assert all(map(gone, pids))


def test_threads_that_wait_for_processes_that_have_begun_use_every_core(
    starts: ProcessStarts,
) -> None:
    """They last as long as the run, and the processes leave a core alone only while they begin."""
    mine = os.sched_getaffinity(0)
    pids = begun(starts, 2)
    waiting = {f"worker-{pid}" for pid in pids}
    threads = [thread for thread in threading.enumerate() if thread.name in waiting]
    assert len(threads) >= len(pids)
    assert all(os.sched_getaffinity(thread.native_id or 0) == mine for thread in threads)


def test_where_the_machine_has_no_room_the_pool_asks_again(
    spec: WorkerSpec, starts: ProcessStarts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of one that has not begun."""

    def refuse(_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as scarce:
        scarce.setattr(starts_module, "WorkerProcess", refuse)
        assert begun(starts, 2) == set()
    with closing(ProcessPool(spec, most=1, starts=starts)) as pool:
        pool.set_target(1)
        assert Hands(pool).until(DeviceJoined).device == "npu/0"
