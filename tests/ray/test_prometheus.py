"""What Prometheus knows of a run, once it is over: scraped from a real Ray cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from s3_server import answers, end, free_ports, wait_until

import fleet

CLUSTER = Path(__file__).parents[2] / "cluster"
DISCOVERY = "/tmp/ray/prom_metrics_service_discovery.json"  # noqa: S108 - where Ray puts it


@pytest.fixture
def program() -> str:
    """Debian's Prometheus."""
    found = shutil.which("prometheus")
    if found is None and os.environ.get("CI"):
        pytest.fail("Prometheus is not installed (CI must have it)")
    if found is None:
        pytest.skip("Prometheus is not installed (apt: prometheus)")
    return str(found)


@contextmanager
def cluster() -> Iterator[tuple[str, Path]]:
    """Start a head with a dashboard and a device; gives its address, and its list of targets."""
    from ray.cluster_utils import Cluster

    started: Any = Cluster()
    (port,) = free_ports(1)
    bare = {"num_cpus": 1, "include_log_monitor": False, "no_monitor": True}
    dashboard = {"include_dashboard": True, "dashboard_port": port}
    started.add_node(resources={"NPU": 1}, **bare, **dashboard)
    session = Path(started.head_node.get_session_dir_path())
    try:
        yield started.address, session / Path(DISCOVERY).name
    finally:
        started.shutdown()


@contextmanager
def prometheus(program: str, targets: Path, folder: Path) -> Iterator[int]:
    """Run Prometheus by the file in cluster/, over one cluster's targets; gives its port."""
    text = (CLUSTER / "prometheus.yml").read_text("utf-8")
    assert DISCOVERY in text
    settings = folder / "prometheus.yml"
    shutil.copy(CLUSTER / "alerts.yml", folder)
    settings.write_text(text.replace(DISCOVERY, str(targets)).replace("5s", "1s"))
    (port,) = free_ports(1)
    command = [program, f"--config.file={settings}", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: answers(port), "Prometheus")
            yield port
        finally:
            end(process)


def asked(port: int, expression: str) -> list[dict[str, Any]]:
    """Ask Prometheus; raises where it does not understand the question."""
    query = urllib.parse.urlencode({"query": expression})
    url = f"http://127.0.0.1:{port}/api/v1/query?{query}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def total(port: int, name: str) -> dict[str, float]:
    """What all runs came to, by output: each counts from nothing, its highest is what it did."""
    found = asked(port, f"sum by (output) (max_over_time({name}[1h]))")
    return {series["metric"]["output"]: float(series["value"][1]) for series in found}


def run(address: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command against a cluster."""
    return subprocess.run(
        [sys.executable, "-m", "fleet.cli", "run", *map(str, arguments)],
        env={**os.environ, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_frames_that_prometheus_counted_are_the_rows_of_frames(
    program: str, town_hevc: Path, town_mkv: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """Over two runs, the second of which adds a video and refuses another; nothing is lost at the end.

    And every expression of the dashboard is one that Prometheus understands.
    """
    out, text = tmp_path / "out", tmp_path / "text.mp4"
    text.write_text("I am a text, not a video.\n" * 100)
    job = ["--model", fastestdet, "--output", out, "--sample", "every=20", "--input", town_hevc]
    with cluster() as (address, targets):
        wait_until(targets.exists, "Ray's list of targets")
        with prometheus(program, targets, tmp_path) as port:
            first = run(address, *job)
            assert first.returncode == 0, first.stderr
            second = run(address, *job, "--input", town_mkv, "--input", text)
            assert second.returncode == 3, second.stderr
            rows = fleet.read(str(out)).frames.count_rows()
            assert rows == 40
            wait_until(
                lambda: total(port, "ray_fleet_frames_total") == {str(out): rows}, "the counter"
            )
            wait_until(
                lambda: total(port, "ray_fleet_videos_refused_total") == {str(out): 1}, "refusals"
            )
            found = fleet.read(str(out)).table("detections").count_rows()
            assert total(port, "ray_fleet_rows_total") == {str(out): found}
            for expression in expressions():
                asked(port, expression)


def expressions() -> list[str]:
    """The dashboard's, with Grafana's variables filled in."""
    dashboard = json.loads((CLUSTER / "grafana" / "fleet.json").read_text("utf-8"))
    values = {"$__range": "1h", "$__rate_interval": "1m", "$job": ".*", "$output": ".*"}
    texts = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for name, value in values.items():
        texts = [text.replace(name, value) for text in texts]
    return texts
