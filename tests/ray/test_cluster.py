"""Runs that join a Ray cluster which is already there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fleet


@contextmanager
def cluster(*npus: int) -> Iterator[str]:
    """Start a node for each number, with so many NPUs; gives the cluster's address."""
    from ray.cluster_utils import Cluster

    started: Any = Cluster()
    for count in npus:
        started.add_node(num_cpus=1, resources={"NPU": count} if count else {})
    try:
        yield started.address
    finally:
        started.shutdown()


def run(address: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command against a cluster."""
    return subprocess.run(
        [sys.executable, "-m", "fleet.cli", "run", *map(str, arguments)],
        env={**os.environ, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_uses_every_npu_of_the_cluster_that_ray_address_names(
    town_hevc: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """Two nodes, two devices; and the cluster is still there for the next run."""
    job = ["--input", town_hevc, "--model", fastestdet, "--output", tmp_path / "out"]
    job += ["--sample", "every=5", "--devices", "auto"]
    with cluster(1, 1) as address:
        first, second = run(address, *job), run(address, *job)
    assert first.returncode == 0, first.stderr
    assert "on 2 devices" in first.stdout
    assert second.returncode == 0, second.stderr
    assert "0 in this run" in second.stdout
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 80


def test_a_cluster_without_npus_is_refused_in_words(
    town_hevc: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """It says how nodes are started, and ends with exit code 1."""
    with cluster(0) as address:
        done = run(
            address, "--input", town_hevc, "--model", fastestdet, "--output", tmp_path / "out"
        )
    assert done.returncode == 1
    assert "no NPU" in done.stderr
    assert "Traceback" not in done.stderr
