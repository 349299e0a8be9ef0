"""Runs that join a Ray cluster which is already there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster
from typer.testing import CliRunner

import fleet
from fleet.cli import app
from fleet.executors.ray.nodes import short_id


class Started(Cluster):
    """A cluster that is ended like anything else that is opened."""

    def close(self) -> None:
        """End it."""
        self.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def without_npus() -> Iterator[Started]:
    """A head, and no device so far."""
    head = {
        "num_cpus": 1,
        "include_dashboard": False,
        "include_log_monitor": False,
        "no_monitor": True,
    }
    with closing(Started(initialize_head=True, head_node_args=head)) as started:
        yield started


@pytest.fixture
def with_two(without_npus: Started) -> Iterator[Started]:
    """The same, and two nodes with an NPU each."""
    added = [without_npus.add_node(num_cpus=0, resources={"NPU": 1}) for _ in range(2)]
    yield without_npus
    for node in added:
        without_npus.remove_node(node)


THREADS = """
import os
import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows

class Threads(FrameJob):
    table = "threads"
    schema = pa.schema([("threads", pa.string())])

    def run(self, opened, batch):
        told = [os.environ.get("OMP_NUM_THREADS", "")] * len(batch)
        return Rows(np.arange(len(batch), dtype=np.int32), {"threads": told})
"""
"""A job that tells how many threads libraries take where a frame is looked at."""
MEETING = """
import os
import time
from pathlib import Path
import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows

class Meeting(FrameJob):
    table = "meetings"
    schema = pa.schema([("met", pa.int32())])

    def run(self, opened, batch):
        Path("FOLDER", str(os.getpid())).touch()
        until_s = time.monotonic() + 120
        while (met := len(list(Path("FOLDER").iterdir()))) < 2:
            assert time.monotonic() < until_s, "no second device has come in two minutes"
            time.sleep(0.05)
        return Rows(np.arange(len(batch), dtype=np.int32), {"met": [met] * len(batch)})
"""
"""A job whose devices wait for each other, however late one of them is."""
LONGEST_S = 300


def run(address: str | None, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command against a cluster."""
    assert address
    return subprocess.run(
        [sys.executable, "-m", "fleet.cli", "run", *map(str, arguments)],
        env={**os.environ, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )


def test_simulated_nodes_of_one_machine_have_names_of_their_own() -> None:
    """Ray's provider counts their ids up, in the last digits."""
    ids = [f"{'f' * 51}{number:05x}" for number in range(300)]
    assert len(set(map(short_id, ids))) == len(ids)


def test_a_cluster_without_npus_is_refused_in_words(
    without_npus: Started, town_hevc: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """It says how nodes are started, and ends with exit code 1."""
    job = ["--input", town_hevc, "--model", fastestdet, "--output", tmp_path / "out"]
    done = run(without_npus.address, *job)
    assert done.returncode == 1
    assert "no NPU" in done.stderr
    assert "Traceback" not in done.stderr


def test_devices_of_two_cores_are_where_there_are_cores_for_them(
    with_two: Started, town_hevc: Path, tmp_path: Path
) -> None:
    """Without such a node a run is refused in words; on one, libraries keep to one thread."""
    (tmp_path / "threads.py").write_text(THREADS, "utf-8")
    job = tmp_path / "threads.toml"
    job.write_text(
        f'job = "threads.py:Threads"\ninput = ["{town_hevc}"]\noutput = "out"\n', "utf-8"
    )
    asked = [job, "--sample", "every=40", "--cores-per-device", 2, "--output", tmp_path / "out"]
    refused = run(with_two.address, *asked)
    assert refused.returncode == 1
    assert "an NPU and 2 CPUs" in refused.stderr
    node = with_two.add_node(num_cpus=2, resources={"NPU": 1})
    try:
        done = run(with_two.address, *asked)
    finally:
        with_two.remove_node(node)
    assert done.returncode == 0, done.stderr
    assert "on 1 device" in done.stdout
    rows = fleet.read(str(tmp_path / "out")).table("threads").to_table().to_pylist()
    assert {row["threads"] for row in rows} == {"1"}


def test_a_run_uses_every_npu_of_the_cluster_that_ray_address_names(
    with_two: Started, town_hevc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes, two devices; and the cluster is still there for the next run."""
    (there := tmp_path / "there").mkdir()
    (tmp_path / "meeting.py").write_text(MEETING.replace("FOLDER", str(there)), "utf-8")
    text = f'job = "meeting.py:Meeting"\ninput = ["{town_hevc}"]\noutput = "{tmp_path}/out"\n'
    text += "lease_s = 1.0\nwatchdog_s = 300\n"
    (tmp_path / "meeting.toml").write_text(text, "utf-8")
    job = [tmp_path / "meeting.toml", "--sample", "every=5", "--devices", "auto"]
    first = run(with_two.address, *job)
    assert first.returncode == 0, first.stderr
    assert "on 2 devices" in first.stdout
    monkeypatch.setenv("RAY_ADDRESS", str(with_two.address))
    second = CliRunner().invoke(app, ["run", *map(str, job)])
    assert second.exit_code == 0, second.output
    assert "0 in this run" in second.stdout
    assert not ray.is_initialized(), "it is left again"
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 80
