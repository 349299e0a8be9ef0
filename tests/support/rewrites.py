"""`fleet compact` and `fleet requeue`, killed or stopped at some moment beside a run."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from generate import Clip, write

import fleet
from fleet.driver.report import RunReport
from fleet.errors import FleetError
from fleet.table.maintenance.content_hash import fingerprint
from fleet.table.state.lock import LEADER_LOCK, REWRITE_LOCK
from fleet.table.table import Table

ROOT = Path(__file__).parents[2]
JOB = ROOT / "jobs" / "thumbnails.toml"
STRUCK = ROOT / "tests" / "support" / "struck.py"
PATIENCE_S = 120.0
Rewrite = Literal["compact", "requeue"]
Blow = Literal["killed", "stopped"]
_WITH_LOSSES = 3
_SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


@dataclass(frozen=True)
class Archive:
    """Some clips, one of them damaged; an output over the first of them, and one over all."""

    clips: Path
    part: Path
    """A finished output over some of the clips: what a rewrite begins with."""
    whole: Path
    """A finished output over all of them, made undisturbed."""


def make_archive(folder: Path) -> Archive:
    """Write the clips, and run the job over some, and over all of them."""
    made = Archive(folder / "clips", folder / "part", folder / "whole")
    made.clips.mkdir()
    for number in range(2):
        write(Clip(frames=40, gop=10, b_frames=number), made.clips / f"{number}.mp4")
    damaged = made.clips / "1.mp4"
    data = bytearray(damaged.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    damaged.write_bytes(data)
    assert run(made.clips, made.part).total.lost_frames, "no frame is damaged"
    write(Clip(frames=40, gop=10), made.clips / "2.mp4")
    run(made.clips, made.whole)
    return made


def run(clips: Path, output: Path) -> RunReport:
    """Run the job in this process: every frame, in short leases, by one device."""
    settings: dict[str, Any] = {"input": [str(clips)], "output": str(output), "sample": "all"}
    job = fleet.load_job(JOB, {**settings, "width": 64, "devices": 1, "lease_s": 0.05})
    return fleet.run(job, on="inline")


def changes_of(rewrite: Rewrite, archive: Archive, folder: Path) -> int:
    """Return how many changes a rewrite makes, undisturbed."""
    output = _copy(archive, folder)
    process = _start(rewrite, output, 0, "killed")
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said.decode()
    return int(said.decode().split()[-1])


def strike(rewrite: Rewrite, blow: Blow, nth: int, archive: Archive, folder: Path) -> str:
    """Strike a rewrite before its change of that number, beside a run; return what is wrong.

    That is empty where, after the same job was run once more, `verify` proves the output, and its
    rows are those of the undisturbed run.
    """
    output = _copy(archive, folder)
    process = _start(rewrite, output, nth, blow)
    try:
        if blow == "stopped":
            _wait_until_stopped(process)
            _let_its_locks_expire(output, process.pid)
        _try(lambda: run(archive.clips, output))
        if blow == "stopped":
            # Whoever comes next, while it stands still.
            _try(lambda: Table.open(str(output)).compact())
            process.send_signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    report = run(archive.clips, output)
    findings = Table.open(str(output)).verify().findings
    if report.exit_code != _WITH_LOSSES or findings:
        return f"the run ends with {report.exit_code}, verify finds {findings}"
    same = fingerprint(str(output)) == fingerprint(str(archive.whole))
    return "" if same else "other rows"


def _copy(archive: Archive, folder: Path) -> Path:
    output = folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    return Path(shutil.copytree(archive.part, output))


def _start(rewrite: Rewrite, output: Path, nth: int, blow: Blow) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        str(STRUCK),
        str(nth),
        str(int(_SIGNALS[blow])),
        rewrite,
        str(output),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        state = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(") ")[2][0]
        if state == "T":
            return
        assert time.monotonic() < until_s, "it never came to that change"
        time.sleep(0.02)
    raise AssertionError("it ended before that change")


def _let_its_locks_expire(output: Path, pid: int) -> None:
    """Take away what it holds, as others may a minute later."""
    for name in (LEADER_LOCK, REWRITE_LOCK):
        lock = output / name
        if lock.exists() and json.loads(lock.read_text()).get("pid") == pid:
            lock.unlink()


def _try(command: Any) -> None:
    """Do something that may rightly be refused while others are at work."""
    try:
        command()
    except FleetError:
        return
