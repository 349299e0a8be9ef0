"""A fresh cluster over hosts for each test, and the run that all must equal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import missing_for_hosts
from ray_hosts import RayHosts, ray_hosts

import fleet
from fleet.table.maintenance.content_hash import fingerprint

JOBS = Path(__file__).parents[2] / "jobs"
JobSettings = Callable[[Path], dict[str, Any]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RayHosts]:
    """A head without devices; workers are joined by the test."""
    if reason := missing_for_hosts():
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (CI must have it)")
        pytest.skip(reason)
    with ray_hosts(tmp_path / "hosts") as made:
        made.start_head()
        yield made


@pytest.fixture(scope="session")
def job(data_dir: Path, fastestdet: Path) -> JobSettings:
    """Detect over the real clips, in many short leases; takes the folder of the output."""

    def settings(output: Path) -> dict[str, Any]:
        named = {"input": [str(data_dir)], "model": str(fastestdet), "output": str(output)}
        return {**named, "sample": "every=2", "lease_s": 0.5}

    return settings


@pytest.fixture(scope="session")
def undisturbed(job: JobSettings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tables of one device in this process, as fingerprints: what every run must equal."""
    output = tmp_path_factory.mktemp("inline") / "out"
    settings = {**job(output), "devices": 1}
    assert fleet.run(fleet.load_job(JOBS / "detect.toml", settings), on="inline").exit_code == 0
    return fingerprint(str(output))
