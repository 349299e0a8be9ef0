"""Where the driver of a submitted job runs: on a node that is there for drivers, if there is one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from ray_head import RAY, Head, ray_head
from s3_server import free_ports, wait_until
from submitted import JOBS, id_in

import fleet
from fleet.submit.ray_jobs import DRIVER

APART = "Its driver runs on a node apart from the head."


def test_a_driver_goes_to_the_node_for_drivers_where_there_is_one(
    town_hevc: Path, tmp_path: Path
) -> None:
    """That is said, and so it is; the job ends well, and is listed like any other."""
    with ray_head(1) as head, node_for_drivers(head):
        done = submitted(head, town_hevc, tmp_path / "out")
        assert done.returncode == 0, done.stdout + done.stderr
        assert APART in done.stderr
        (job,) = (
            each for each in asked(head, "api/jobs/") if each["submission_id"] == id_in(done.stderr)
        )
        on = {node["raylet"]["nodeId"]: resources(node) for node in nodes(head)}
        assert DRIVER in on[job["driver_node_id"]]
        assert fleet.read(str(tmp_path / "out")).finished


def submitted(head: Head, video: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Submit a job of few frames, and wait for its end."""
    named = ("--input", video, "--output", output, "--sample", "keyframes")
    return head.fleet("submit", JOBS / "thumbnails.toml", *named)


@contextmanager
def node_for_drivers(head: Head) -> Iterator[None]:
    """Have one more node join, on this machine, for as long as the block lasts."""
    (port,) = free_ports(1)
    command = [
        *(str(RAY), "start", "--block", f"--address={head.address}", "--num-cpus=0"),
        *(f"--resources={json.dumps({DRIVER: 1})}", "--object-store-memory=80000000"),
        f"--dashboard-agent-listen-port={port}",
    ]
    environment = {**head.environment, "RAY_ADDRESS": ""}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as node:
        try:
            wait_until(lambda: any(DRIVER in resources(each) for each in nodes(head)), "the node")
            yield
        finally:
            node.terminate()


def nodes(head: Head) -> list[dict[str, Any]]:
    """Return what the cluster says of its nodes."""
    return list(asked(head, "nodes?view=summary")["data"]["summary"])


def resources(node: dict[str, Any]) -> dict[str, float]:
    """Return what a node has; nothing of one that has just begun."""
    return dict(node["raylet"].get("resourcesTotal", {}))


def asked(head: Head, path: str) -> Any:
    """Return what the dashboard answers."""
    return requests.get(f"{head.url}/{path}", timeout=30).json()
