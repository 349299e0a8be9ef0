"""Ray's autoscaler, with simulated nodes: cluster/local.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import wait_for
from ray_env import CLUSTER

from fleet.table.maintenance.content_hash import fingerprint

LOCAL = [sys.executable, str(CLUSTER / "local.py"), "--max-devices", "2", "--idle-s", "3"]
WATCH = str(Path(__file__).parents[1] / "support" / "node_watch.py")
# Workers give way to whatever else this machine does, which may be a whole test run.
ENVIRONMENT = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}


def test_nodes_come_for_a_job_and_go_after_it(
    job: Callable[[Path], dict[str, Any]], undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """None, two, none, by the demand of one job; and its rows are the same."""
    settings = job(tmp_path / "out")
    fleet = [sys.executable, "-m", "fleet.cli", "run", "--max-devices", "2"]
    fleet += ["--input", settings.pop("input")[0]]
    for key, value in settings.items():
        fleet += ["--set", f"{key}={value}"]
    counts = tmp_path / "counts"
    watched = [sys.executable, WATCH, str(counts), *fleet]
    done = subprocess.run(
        [*LOCAL, "--", *watched], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    numbers = [int(line) for line in counts.read_text().split()]
    assert (numbers[0], max(numbers), numbers[-1]) == (0, 2, 0), numbers
    assert fingerprint(str(tmp_path / "out")) == undisturbed


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for those of Ray's sockets, 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="fleet-", dir="/tmp") as folder:
        yield Path(folder)


def test_ctrl_c_ends_the_local_cluster_with_everything_it_started(short: Path) -> None:
    """No process of it is left, and no folder."""
    log = short / "log"
    with log.open("wb") as output:
        local = subprocess.Popen(
            LOCAL, env={**ENVIRONMENT, "TMPDIR": str(short)}, stdout=output, stderr=output
        )
    wait_for(
        lambda: "Ctrl-C ends the cluster" in log.read_text() or local.poll() is not None, "a start"
    )
    assert local.poll() is None, log.read_text()
    (folder,) = short.glob("fleet-local-*")
    assert processes_of(folder)
    local.send_signal(signal.SIGINT)
    assert local.wait(60) == 0
    assert processes_of(folder) == []
    assert not folder.exists()


def processes_of(folder: Path) -> list[str]:
    """Every process of this machine whose command line names a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line:
            found.append(line.decode())
    return found
