"""A checkout of Fleet as a stranger has it, made of the tracked files of this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OURS = ("RAY_", "FLEET_", "PYTEST", "PYTHONPATH", "VIRTUAL_ENV")


def a_checkout(folder: Path) -> Path:
    """Copy what git tracks, as it is now, into a new folder; return it."""
    command = ["git", "ls-files", "--cached", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def as_a_newcomer(folder: Path) -> dict[str, str]:
    """Return the environment of who has nothing set up, with a home of their own.

    Packages come from where they come from for who proves, and out of the same caches.
    """
    home, here, programs = folder / "home", Path.home(), str(Path(sys.executable).parent)
    home.mkdir()
    path = [each for each in os.environ["PATH"].split(os.pathsep) if each != programs]
    caches = {"UV_CACHE_DIR": here / ".cache/uv", "PIP_CACHE_DIR": here / ".cache/pip"}
    configuration = here / ".config/pip/pip.conf"
    if configuration.is_file():
        caches["PIP_CONFIG_FILE"] = configuration
    return {
        **{name: str(place) for name, place in caches.items()},
        **{k: v for k, v in os.environ.items() if not k.startswith(_OURS)},
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "100",
    }


def as_a_stranger(checkout: Path, folder: Path) -> dict[str, str]:
    """Return the environment of who has set up a checkout: its `fleet`, and nothing of Ray's."""
    newcomer = as_a_newcomer(folder)
    # Where this one was set up: the packages are its, the code is the checkout's.
    path = f"{Path(sys.executable).parent}{os.pathsep}{newcomer['PATH']}"
    return {**newcomer, "PATH": path, "PYTHONPATH": str(checkout)}
