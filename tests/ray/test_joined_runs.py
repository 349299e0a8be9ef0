"""Runs that join a cluster by RAY_ADDRESS are listed, and it is said what can be done of them."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray_head import Head, ray_head
from s3_server import wait_until
from submitted import JOBS, TICKS
from typer.testing import CliRunner, Result

from fleet.cli import app
from fleet.errors import JobFailedError
from fleet.executors.ray.token import check_token
from fleet.storage import Folder
from fleet.submit.submission import ClusterSeen
from fleet.table.state.run_records import RunRecord, RunRecords

WHO = f"{getpass.getuser()}@{socket.gethostname()}"


def here(head: Head, name: str, *arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [name, "--address", head.url, *map(str, arguments)])


def jobs(head: Head) -> list[dict[str, Any]]:
    """Return what is listed."""
    done = here(head, "jobs", "--json")
    assert done.exit_code == 0, done.exception
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def progress(head: Head) -> dict[str, Any]:
    """Return how far the first job is; empty while nothing is known of that."""
    if here(head, "jobs").exit_code:  # a head that has just begun may not list jobs yet
        return {}
    return next((job["progress"] or {} for job in jobs(head)), {})


def last_record(output: str) -> RunRecord:
    """Return what the last run says of itself."""
    return RunRecords(Folder(output)).read()[-1]


def kill_a_worker(output: str) -> None:
    """Kill the process of a device, once the run has said which one it is."""
    pids: list[int] = []

    def known() -> bool:
        pids[:] = [device.pid for device in last_record(output).devices if device.pid]
        return bool(pids)

    wait_until(known, "a device whose process is known", 240)
    os.kill(pids[0], signal.SIGKILL)


@contextmanager
def joined(head: Head, home: Path, clip: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a job on the cluster that takes some seconds; its output is `out` in the folder."""
    (home / "ticks.py").write_text(TICKS)
    (home / "ticks.toml").write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{clip}"]\noutput = "out"\nsample = "all"\n'
        'lease_s = 1.0\njob_labels = {team = "a"}\n[params]\nstep = 3\ndwell_s = 0.2\n'
    )
    environment = {**head.environment, "RAY_ADDRESS": head.address}
    command = [sys.executable, "-m", "fleet.cli", "run", "ticks.toml"]
    with (
        (home / "printed").open("wb") as printed,
        subprocess.Popen(command, cwd=home, env=environment, stdout=printed, stderr=printed) as run,
    ):
        try:
            yield run
        finally:
            run.kill()


def test_a_run_that_joined_by_itself_is_listed_and_ended_where_it_began(
    town_hevc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who, since when, where to, how far; logs and stop say where it is; then how it ended."""
    output = str(tmp_path / "out")
    with ray_head(2) as head, joined(head, tmp_path, town_hevc) as run:
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")

        def has_begun() -> bool:
            assert run.poll() is None, (tmp_path / "printed").read_text("utf-8")
            return progress(head).get("frames") == 400

        wait_until(has_begun, "a run that says how far it is", 240)
        (job,) = jobs(head)
        assert (job["job"], job["output"], job["who"]) == ("Ticks", output, WHO)
        assert (job["state"], job["joined"], job["labels"]) == ("running", True, {"team": "a"})
        assert "joined by itself" in here(head, "jobs").stdout
        way_out = f"kill -TERM {run.pid}"
        assert way_out in here(head, "stop").stdout
        for command, words in (("stop", way_out), ("logs", f"fleet top {output}")):
            said = here(head, command, job["id"])
            assert said.exit_code != 0
            assert words in str(said.exception), command
        taken = here(head, "submit", tmp_path / "ticks.toml", "--output", output)
        assert f"{output} is in use: {job['id']}" in str(taken.exception)
        assert way_out in str(taken.exception)
        kill_a_worker(output)
        wait_until(lambda: last_record(output).devices_lost > 0, "a run that saw a worker die", 240)
        os.kill(run.pid, signal.SIGTERM)
        run.wait()
        printed = (tmp_path / "printed").read_text("utf-8")
        assert "lost npu/" in printed
        assert "raylet" not in printed, "Ray has ten lines for it, and one of ours says it"
        wait_until(lambda: jobs(head)[0]["ended_unix_s"] is not None, "its end")
        assert jobs(head)[0]["state"] == "interrupted"


def test_a_cluster_without_a_device_takes_no_job(
    tmp_path: Path, town_hevc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is asked to grow: said at once, and nothing is sent."""
    seen = ClusterSeen("2.60", ("here",), 0, has_driver_nodes=False, clock_offset_s=None)
    client = SimpleNamespace(all=list, cluster_with_npus=lambda: seen)
    monkeypatch.setattr("fleet.submit.ray_jobs.Jobs", lambda _address: client)
    job = ("--input", town_hevc, "--output", tmp_path / "out")
    done = CliRunner().invoke(
        app,
        ["submit", "--address", "http://10.0.0.1:1", str(JOBS / "thumbnails.toml"), *map(str, job)],
    )
    assert "--max-devices N" in str(done.exception)


def test_a_server_of_another_kind_is_no_cluster() -> None:
    """One that speaks the same protocol; Ray would ask it for half a minute, a line a second."""
    grpc = pytest.importorskip("grpc", reason="Ray brings it along")
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(JobFailedError, match="does not answer as a Ray cluster does"):
            check_token(f"127.0.0.1:{port}")
    finally:
        server.stop(None)
