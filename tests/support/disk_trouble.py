"""A run whose disk takes nothing for a while; the program is run in a namespace of mounts.

`python disk_trouble.py JOB.toml DISK full|read-only SECONDS PATIENCE` prints what the run prints, and then its
exit code and how many frames and losses its output has, as JSON in one line. A full disk is waited for
PATIENCE seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import fleet
from fleet.cli import main
from fleet.executors import patient_pool

COMMITS = 3
"""So many leases are committed before the trouble begins."""


def fill(disk: Path) -> Callable[[], None]:
    """Leave no byte free; return what makes room again."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return filler.unlink


def forbid(disk: Path) -> Callable[[], None]:
    """Let nobody write; return what lets them again."""
    remount(disk, "ro")
    return lambda: remount(disk, "rw")


def remount(disk: Path, how: str) -> None:
    """Change how the disk is mounted."""
    # Refused as busy while a file is open for writing.
    while subprocess.run(["mount", "-o", f"remount,{how}", disk], check=False).returncode:
        time.sleep(0.01)


def disturb(disk: Path, kind: str, lasts_s: float) -> None:
    """Have the trouble begin after some commits, and end."""
    frames = disk / "out" / "frames"
    while len(list(frames.glob("part-*.parquet"))) < COMMITS:
        time.sleep(0.01)
    mend = {"full": fill, "read-only": forbid}[kind](disk)
    time.sleep(lasts_s)
    mend()


def run(job: str, disk: Path, kind: str, lasts_s: float) -> None:
    """Mount the disk, run the job on it, and tell how that went."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], check=True)
    threading.Thread(target=disturb, args=(disk, kind, lasts_s), daemon=True).start()
    sys.argv = ["fleet", "run", job, "--inline"]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    read = fleet.read(str(disk / "out"))
    told = {"code": code, "frames": read.frames.count_rows(), "errors": read.errors.count_rows()}
    sys.stdout.write(f"\n{json.dumps(told)}\n")


if __name__ == "__main__":
    patient_pool.FIRST_WAIT_S = 0.5
    patient_pool.FULL_GIVE_UP_S = float(sys.argv[5])
    run(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
