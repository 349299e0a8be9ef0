"""A run that was given up for dead goes on, and commits what another has done meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from generate import Clip, write

import fleet
from fleet.driver.report import RunReport
from fleet.storage import Folder
from fleet.table.maintenance.content_hash import fingerprint
from fleet.table.state.lock import LEADER_LOCK
from fleet.table.table import Table

ROOT = Path(__file__).parents[2]
JOB = ROOT / "jobs" / "thumbnails.toml"
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of a few short leases each."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(2):
        write(Clip(frames=40, gop=10, b_frames=number), folder / f"{number}.mp4")
    return folder


@pytest.fixture(scope="module")
def expected(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the tables of an undisturbed run are."""
    whole = tmp_path_factory.mktemp("whole") / "out"
    assert run(clips, whole).exit_code == 0
    return fingerprint(str(whole))


def settings(clips: Path, output: Path) -> dict[str, Any]:
    """Every frame, in short leases, of one device."""
    named = {"input": [str(clips)], "output": str(output), "sample": "all"}
    return {**named, "width": 64, "devices": 1, "lease_s": 0.05}


def run(clips: Path, output: Path) -> RunReport:
    """Run the job in this process."""
    return fleet.run(fleet.load_job(JOB, settings(clips, output)), on="inline")


@contextmanager
def stopped(clips: Path, output: Path, table: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the job in a process that stops itself in the middle of a commit."""
    script = ROOT / "tests" / "support" / "late.py"
    command = [sys.executable, str(script), str(JOB), json.dumps(settings(clips, output)), table]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            _wait_until_stopped(process.pid)
            yield process
        finally:
            process.kill()


def _wait_until_stopped(pid: int) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2][0] != "T":
        assert time.monotonic() < until_s, "it never came to its second lease"
        time.sleep(0.05)


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("table", ["thumbnails", "frames"])
def test_whoever_commits_late_changes_no_row(
    clips: Path, expected: dict[str, str], tmp_path: Path, table: str, compacted: bool
) -> None:
    """Its parts have the names and the rows of those that are there; a rewrite is no matter."""
    output = tmp_path / "out"
    with stopped(clips, output, table) as late:
        # As it would be a minute later: nobody has heard of it.
        Folder(str(output)).delete(LEADER_LOCK)
        report = run(clips, output)
        assert (report.exit_code, report.already_done) == (0, 1)
        if compacted:
            Table.open(str(output)).compact()
        assert fingerprint(str(output)) == expected
        late.send_signal(signal.SIGCONT)
        said, _ = late.communicate(timeout=PATIENCE_S)
    came = [name for name in said.decode().split() if name.startswith(f"{table}/part-")]
    assert len(came) > 1, "nothing came late"
    assert fingerprint(str(output)) == expected
    again = run(clips, output)
    assert (again.exit_code, again.leases) == (0, 0)
    assert fingerprint(str(output)) == expected
    assert Table.open(str(output)).verify().findings == ()
