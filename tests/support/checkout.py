"""A checkout of Fleet as a stranger has it, made of the tracked files of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def a_checkout(folder: Path) -> Path:
    """Copy what git tracks, as it is now, into a new folder; return it."""
    command = ["git", "ls-files", "--cached", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def as_a_stranger(checkout: Path, folder: Path) -> dict[str, str]:
    """Return the environment of who has set up a checkout: its `fleet`, and nothing of Ray's."""
    home = folder / "home"
    home.mkdir()
    # Where this one was set up: the packages are its, the code is the checkout's.
    programs = Path(sys.executable).parent
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "FLEET_", "PYTEST"))}
    return {
        **clean,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "100",
    }
