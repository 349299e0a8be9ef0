"""Whole runs whose devices are processes: the same rows, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from generate import Clip, write
from s3_server import wait_until

import fleet
from fleet.core.run_events import DeviceLost, LeaseDone, LeaseStarted, RunEvent
from fleet.executors.choice import Mode
from fleet.table.status import read_status
from fleet.table.table import Table

Rows = list[dict[str, Any]]
JOBS = Path(__file__).parents[2] / "jobs"
SCRIPT = '''
"""A program of a user's, whose job is a class of its own."""

import ctypes, os, signal, subprocess, sys, time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

import fleet


@dataclass(frozen=True)
class Standing(fleet.FrameJob):
    """Notes its process, and stands still for good."""

    notes: str
    how: str

    table = "x"
    schema = pa.schema([])

    def run(self, opened, batch):
        """Stand: asleep, or holding the GIL, where no signal is heard; or beside a program."""
        if self.how == "with a program":
            Path(self.notes, str(subprocess.Popen(["sleep", "600"]).pid)).touch()
        Path(self.notes, str(os.getpid())).touch()
        if self.how == "deaf":
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            ctypes.PyDLL(None).pause()
        while True:
            time.sleep(0.01)


if __name__ == "__main__":
    how, clips, notes, output = sys.argv[1:]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    job = fleet.Job(Standing(notes, how), clips, output, devices=2, lease_s=0.05)
    sys.exit(fleet.run(job, on="processes").exit_code)
'''


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two clips."""
    folder = tmp_path_factory.mktemp("clips")
    for number, name in enumerate(("a", "b")):
        write(Clip(frames=60, gop=5, b_frames=number), folder / f"{name}.mp4")
    return folder


class Killer:
    """Kills workers with SIGKILL, at random, as long as it may.

    None while it may be in a lease of which two have died: that would be given up.
    """

    def __init__(self, seed: int, deaths: int) -> None:
        self._random = Random(seed)  # noqa: S311 - which workers die is no secret
        self.left = deaths
        self.lost: list[str] = []
        self._held = defaultdict[str, list[str]](list)
        self._died_of = Counter[str]()

    def on_event(self, event: RunEvent) -> None:
        """Strike a worker when a lease is done, or not."""
        if isinstance(event, LeaseStarted):
            self._held[event.device].append(event.lease)
        if isinstance(event, DeviceLost):
            self.lost.append(event.device)
            self._died_of.update(self._held.pop(event.device, [])[:1])
        if isinstance(event, LeaseDone):
            held = self._held[event.device]
            held[:] = [lease for lease in held if lease != event.lease]
            del self._died_of[event.lease]
            may_strike = self.left > 0 and max(self._died_of.values(), default=0) < 2
            if may_strike and self._random.random() < 0.7:
                # Those that were struck just now may be gone, and others not there yet.
                worker = oldest_worker()
                if worker is not None:
                    self.left -= 1
                    with suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)


def oldest_worker() -> int | None:
    """Return the process of a device of this run that is open: the one that was started first."""
    ours = (
        int(child)
        for task in Path("/proc/self/task").glob("*/children")
        for child in task.read_text("ascii").split()
    )
    return min(filter(is_worker, ours), default=None)


def is_worker(pid: int) -> bool:
    """Return whether a process is one of a device; not where it is gone by now."""
    try:
        return b"processes.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def thumbnails(clips: Path, output: Path, on: Mode, devices: int, killer: Killer) -> Rows:
    """Make thumbnails of all frames, and return them, sorted."""
    settings: dict[str, Any] = {"input": [str(clips)], "output": str(output), "sample": "all"}
    settings |= {"width": 64, "lease_s": 0.05, "devices": devices}
    job = fleet.load_job(JOBS / "thumbnails.toml", settings)
    report = fleet.run(job, on=on, observer=killer)
    assert (report.exit_code, report.total.frames) == (0, 120)
    assert report.ran_on.endswith(", as asked")
    found: Rows = fleet.read(str(output)).table("thumbnails").to_table().to_pylist()
    return sorted(found, key=lambda row: (row["uri"], row["frame"]))


@pytest.fixture(scope="module")
def undisturbed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What one device in this process makes: what every other run must equal."""
    output = tmp_path_factory.mktemp("inline") / "out"
    return thumbnails(clips, output, "inline", 1, Killer(0, 0))


@pytest.mark.parametrize(("devices", "deaths"), [(1, 0), (1, 2), (2, 3), (3, 5)])
def test_devices_and_deaths_do_not_change_a_row(
    clips: Path, tmp_path: Path, undisturbed: Rows, devices: int, deaths: int
) -> None:
    """Whichever die, and whenever: bit-identical tables."""
    killer = Killer(devices, deaths)
    found = thumbnails(clips, tmp_path / "out", "processes", devices, killer)
    assert found == undisturbed
    assert not deaths or killer.lost
    assert len(set(killer.lost)) == len(killer.lost) <= deaths


def _noted(how: str) -> int:
    """Return how many processes note themselves: two workers, with a program each or not."""
    return 4 if how == "with a program" else 2


@contextmanager
def standing(tmp_path: Path, clips: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process group of its own, both of whose workers stand still."""
    notes = tmp_path / "workers"
    notes.mkdir()
    processes = _noted(how)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), how, str(clips), str(notes), str(tmp_path / "out")]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as driver:
        try:
            wait_until(lambda: len(list(notes.iterdir())) == processes, "workers")
            yield driver
        finally:
            driver.kill()


def workers(tmp_path: Path) -> list[int]:
    """Return the workers, and what they have started, that are still there."""
    pids = [int(note.name) for note in (tmp_path / "workers").iterdir()]
    return [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]


@pytest.mark.parametrize("how", ["asleep", "deaf", "with a program"])
def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path, clips: Path, how: str) -> None:
    """Also such as hold the GIL and hear no signal, and with them what they have started."""
    with standing(tmp_path, clips, how) as driver:
        assert len(workers(tmp_path)) == _noted(how)
        driver.kill()
        driver.wait()
        wait_until(lambda: not workers(tmp_path), "the end of the workers", 10)


@pytest.mark.parametrize(("number", "how"), [(signal.SIGINT, "deaf"), (signal.SIGTERM, "asleep")])
def test_an_interrupt_ends_a_run_and_its_workers(
    tmp_path: Path, clips: Path, number: int, how: str
) -> None:
    """Of the whole group, as from a terminal: the run has ended cleanly once the driver has."""
    with standing(tmp_path, clips, how) as driver:
        os.killpg(driver.pid, number)
        _, said = driver.communicate(timeout=60)
    assert driver.returncode == 1, said
    assert "Traceback" not in said
    assert not workers(tmp_path)
    assert read_status(Table.open(str(tmp_path / "out"))).state == "interrupted"
