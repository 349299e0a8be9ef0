"""Jobs that run on a cluster at the same time: each has its share, by weight, and none waits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command import fleet_here
from generate import Clip, write
from ray_head import Head, ray_head
from s3_server import wait_until
from submitted import TICKS

import fleet
from fleet.table.diaries.diaries import Noted
from fleet.table.state.run_records import RunRecord
from fleet.table.table import Table

DEVICES = 8
START_S = 240.0


@dataclass
class Two:
    """Two jobs on a cluster, with far more to do than they get to; `light` came second."""

    head: Head
    heavy: Running
    light: Running
    shared_s: tuple[float, float] = (0.0, 0.0)
    """When both had what they were to have, and when the first was stopped."""


@dataclass
class Running:
    """A run of a job."""

    process: subprocess.Popen[bytes]
    output: Path

    def records(self) -> list[RunRecord]:
        """Return what it says of itself."""
        if not (self.output / "_JOB.json").exists():
            return []
        return Table.open(str(self.output)).runs.read()

    def holds(self, devices: int) -> bool:
        """Return whether it has so many devices, and says nothing else."""
        assert self.process.poll() is None
        return any(record.device_count == devices for record in self.records())

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def start(head: Head, home: Path, name: str, dwell_s: float, *more: str) -> Running:
    """Start a job whose frames take so long."""
    fields = {
        "job": "ticks.py:Ticks",
        "input": [str(home / "clip.mp4")],
        "output": str(home / name),
        "lease_s": 5.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    lines += ["[params]", "step = 1", f"dwell_s = {dwell_s}"]
    job = home / f"{name}.toml"
    job.write_text("\n".join(lines))
    process = subprocess.Popen(
        [sys.executable, "-m", "fleet.cli", "run", str(job), *more],
        env={**head.environment, "RAY_ADDRESS": head.address},
        stdout=(home / f"{name}.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    return Running(process, home / name)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """A heavy job that had all devices, and a light one beside it by now."""
    home = tmp_path_factory.mktemp("shared")
    write(Clip(frames=1500, gop=10), home / "clip.mp4")
    (home / "ticks.py").write_text(TICKS)
    with ray_head(DEVICES) as head:
        heavy = start(head, home, "heavy", 0.5, "--weight", "3", "--label", "team=a")
        wait_until(lambda: heavy.holds(DEVICES), "all devices for one job", START_S)
        light = start(head, home, "light", 0.5)
        wait_until(lambda: light.holds(2) and heavy.holds(6), "three to one", START_S)
        yield Two(head, heavy, light)
        for running in (heavy, light):
            if running.process.poll() is None:
                running.stop()


def test_devices_go_over_to_a_job_that_comes_by_weight(two: Two) -> None:
    """Those of the heavy one ended what they had in hand: none was lost, no lease was."""
    for running, devices in ((two.heavy, 6), (two.light, 2)):
        (record,) = running.records()
        assert record.share is not None
        assert (record.share.devices, record.share.of, record.share.weights) == (devices, 8, 4)
        assert record.devices_lost == record.errors == 0
    shown = fleet_here("top", two.heavy.output, "--once").stdout
    assert "share    6 of 8 devices (weight 3 of 4)" in shown
    assert "labels   team=a" in shown
    said = (two.light.output.parent / "light.log").read_text()
    assert "2 jobs share the cluster: 2 of 8 devices (weight 1 of 4) for this one" in said


def test_a_short_job_is_done_beside_long_ones(two: Two) -> None:
    """It waits for the end of neither, and has all its rows."""
    short = start(two.head, two.heavy.output.parent, "short", 0.0)
    assert short.process.wait(timeout=180) == 0
    assert fleet.read(str(short.output)).frames.count_rows() == 1500
    assert two.heavy.process.poll() is None
    assert two.light.process.poll() is None


def test_shares_are_kept_by_seconds_of_devices(two: Two) -> None:
    """Three to one within a tenth; counted by the diaries, from when both had their share."""
    wait_until(lambda: two.light.holds(2) and two.heavy.holds(6), "three to one again", START_S)
    since_s = time.time()
    wait_until(lambda: time.time() > since_s + 10, "ten seconds")
    until_s = time.time()
    spent = []
    for running in (two.heavy, two.light):
        running.stop()
        noted = [n for diary in diaries(running.output).values() for n in diary]
        spent.append(device_seconds(noted, since_s, until_s))
    assert 0.675 < spent[0] / sum(spent) < 0.825, spent


def diaries(output: Path) -> dict[str, Any]:
    """Return what the runs on an output have noted."""
    return dict(Table.open(str(output)).runs.diaries.read())


def device_seconds(noted: list[Noted], since_s: float, until_s: float) -> float:
    """Return how many seconds devices were there between two moments."""
    joined: dict[str, float] = {}
    spent_s = 0.0
    for item in sorted(noted, key=lambda item: item.unix_s):
        if item.event == "DeviceJoined":
            joined[item.device] = item.unix_s
        elif item.event == "DeviceLost" and item.device in joined:
            came_s = joined.pop(item.device)
            spent_s += max(0.0, min(item.unix_s, until_s) - max(came_s, since_s))
    return spent_s + sum(max(0.0, until_s - max(came_s, since_s)) for came_s in joined.values())


UNSENT = """
import sys
import threading
import pyarrow as pa
import ray
from ray.experimental.internal_kv import _internal_kv_list
import fleet

class Stays(fleet.FrameJob):
    table = "none"
    schema = pa.schema([("none", pa.int64())])

    def run(self, opened, batch):
        raise AssertionError

    def __reduce__(self):
        notes.extend(_internal_kv_list(b"devices/", namespace=b"fleet"))
        raise NotImplementedError("it goes nowhere")

notes = []
ray.init(log_to_driver=False)
try:
    fleet.run(fleet.Job(work=Stays(), inputs=[sys.argv[1]], output=sys.argv[2]))
except NotImplementedError:
    left = _internal_kv_list(b"devices/", namespace=b"fleet")
    print(len(notes), len(left), sum(each.name == "sharing" for each in threading.enumerate()))
"""


KILLED = """
import os
import signal
import sys
import time
import ray
from ray.experimental.internal_kv import _internal_kv_list
from fleet.executors.ray import sharing

sharing.GONE_S = float("inf")
ray.init(log_to_driver=False)
ours = sharing.Sharing(1.0, grows=False)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
for _ in range(600):
    left = len(_internal_kv_list(b"devices/", namespace=b"fleet"))
    if left == 1:
        break
    time.sleep(0.1)
others = len(ours._others())
ours.close()
print(left, others)
"""
"""A job that is killed with its note put; or one that comes after it, and waits for that to be gone."""


@pytest.fixture(scope="module")
def small() -> Iterator[Head]:
    """A cluster with one device."""
    with ray_head(1) as head:
        yield head


def run_script(head: Head, script: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a script as a driver on a cluster."""
    return subprocess.run(
        [sys.executable, script, *map(str, words)],
        env={**head.environment, "RAY_ADDRESS": head.address},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_job_that_does_not_get_to_nodes_leaves_no_note(small: Head, tmp_path: Path) -> None:
    """It is put before the job is sent; nobody keeps it after the run has failed."""
    write(Clip(frames=20, gop=10), tmp_path / "clip.mp4")
    script = tmp_path / "unsent.py"
    script.write_text(UNSENT)
    done = run_script(small, script, tmp_path / "clip.mp4", tmp_path / "out")
    assert done.stdout.split() == ["1", "0", "0"], done.stderr


def test_a_job_whose_driver_was_killed_shares_nothing_with_the_next(
    small: Head, tmp_path: Path
) -> None:
    """The cluster knows of its end: however long a note may stand still, its note goes."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    assert run_script(small, script, "killed").returncode == -signal.SIGKILL
    after = run_script(small, script, "after")
    assert after.stdout.split() == ["1", "0"], after.stderr
