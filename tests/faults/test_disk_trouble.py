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


def run_on_disk(folder: Path, kind: str, seconds: str, patience: str) -> tuple[str, str]:
    """Run a job on a disk that is in trouble for so long; return what it prints, and its errors."""
    disk = folder / "disk"
    disk.mkdir()
    write(Clip(frames=300, gop=10), folder / "clip.mp4")
    (folder / "ticks.py").write_text(TICKS)
    job = folder / "ticks.toml"
    job.write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{folder}/clip.mp4"]\noutput = "{disk}/out"\n'
        "lease_s = 0.4\n[params]\nstep = 1\ndwell_s = 0.02\n"
    )
    program = Path(disk_trouble.__file__)
    done = subprocess.run(
        [
            "unshare",
            "-rm",
            sys.executable,
            str(program),
            str(job),
            str(disk),
            kind,
            seconds,
            patience,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(program.parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.mark.skipif(not may_mount(), reason="this user may not have a namespace of mounts")
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_nothing_is_lost_and_few_lines_are_printed(tmp_path: Path, kind: str) -> None:
    """The run waits, says so in a sentence, and goes on by itself once there is room."""
    out, err = run_on_disk(tmp_path, kind, "6", "60")
    printed = out + err
    assert json.loads(out.splitlines()[-1]) == {"code": 0, "frames": 300, "errors": 0}
    trouble = [line for line in err.splitlines() if is_trouble(line)]
    assert 2 <= len(trouble) <= MOST_LINES, printed
    assert "Nothing is lost." in printed
    assert "takes what is written again" in printed
    assert "Traceback" not in printed


@pytest.mark.skipif(not may_mount(), reason="this user may not have a namespace of mounts")
def test_a_disk_that_stays_full_ends_the_run_soon_and_in_words(tmp_path: Path) -> None:
    """What has no room and how much there is, what is kept, and how to go on; nothing is lost."""
    out, err = run_on_disk(tmp_path, "full", "600", "2")
    told = json.loads(out.splitlines()[-1])
    assert told["code"] == 1
    assert 0 < told["frames"] < 300
    assert told["errors"] == 0
    for words in (
        "could not be written: No space left on device: it has ",
        "Make room there, or use another place.",
        "It was tried for 2s. Once there is room, the same command goes on: what is committed stays (",
        "leases by this run), and nothing is recorded as lost.",
    ):
        assert words in err
    assert "Traceback" not in out + err


def is_trouble(line: str) -> bool:
    """Return whether a line is none of those on how far a run is."""
    return " video (" not in line and "frames in" not in line
