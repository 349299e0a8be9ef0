"""A real disk that is full, or turns read-only, in the middle of a run, and then takes things again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import disk_trouble
import pytest
from generate import Clip, write
from submitted import TICKS

MOST_LINES = 10
"""Lines that are printed of the trouble, at most."""


def may_mount() -> bool:
    """Return whether this user may mount a disk in a namespace of its own."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    return not subprocess.run([unshare, "-rm", "true"], check=False, capture_output=True).returncode


@pytest.mark.skipif(not may_mount(), reason="this user may not have a namespace of mounts")
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_nothing_is_lost_and_few_lines_are_printed(tmp_path: Path, kind: str) -> None:
    """The run waits, says so in a sentence, and goes on by itself once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    write(Clip(frames=300, gop=10), tmp_path / "clip.mp4")
    (tmp_path / "ticks.py").write_text(TICKS)
    job = tmp_path / "ticks.toml"
    job.write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{tmp_path}/clip.mp4"]\noutput = "{disk}/out"\n'
        "lease_s = 0.4\n[params]\nstep = 1\ndwell_s = 0.02\n"
    )
    program = Path(disk_trouble.__file__)
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, str(program), str(job), str(disk), kind, "6"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(program.parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert json.loads(done.stdout.splitlines()[-1]) == {"code": 0, "frames": 300, "errors": 0}
    trouble = [line for line in done.stderr.splitlines() if is_trouble(line)]
    assert 2 <= len(trouble) <= MOST_LINES, printed
    assert "Nothing is lost." in printed
    assert "takes what is written again" in printed
    assert "Traceback" not in printed


def is_trouble(line: str) -> bool:
    """Return whether a line is none of those on how far a run is."""
    return " video (" not in line and "frames in" not in line
