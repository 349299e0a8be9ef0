"""Checks before a demo makes anything: packages, folder, room on the disk."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from fleet.core.format import size
from fleet.errors import UsageError

BYTES_A_SECOND = 500_000
"""Bytes for a second of video and all that a demo makes of it, with room to spare."""
BYTES_ANYWAY = 50_000_000
"""Bytes that do not depend on the length of the video."""
_PACKAGES = {
    "cv2": "OpenCV",
    "faster_coco_eval": "faster-coco-eval",
    "matplotlib": "matplotlib",
    "duckdb": "DuckDB",
}


def check_packages() -> None:
    """Raise UsageError where a package of the extra [demo] is missing."""
    missing = [title for name, title in _PACKAGES.items() if find_spec(name) is None]
    if missing:
        are = "are" if len(missing) > 1 else "is"
        raise UsageError(
            f"The demo needs {' and '.join(missing)}, which {are} not installed.",
            "Install the extra that brings it all: pip install 'ascend-fleet[demo]'.",
        )


def check_folder(folder: Path) -> None:
    """Make the folder; raises UsageError where nothing can be written into it, or queried there."""
    if "\\" in str(folder):
        said = f"DuckDB, which the demo asks, takes the backslash in {folder} for a slash."
        raise UsageError(said, "Choose another folder with --output.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(None, "Permission denied")
    except OSError as error:
        said = f"Nothing can be written into {folder}: {error.strerror}."
        raise UsageError(said, "Choose another folder with --output.") from error


def check_room(folder: Path, video_s: float) -> None:
    """Raise UsageError where the disk has too little room for so many seconds of video."""
    needed, free = int(BYTES_ANYWAY + BYTES_A_SECOND * video_s), shutil.disk_usage(folder).free
    if free < needed:
        raise UsageError(
            f"The demo takes about {size(needed)}, and {size(free)} are free in {folder}.",
            "Make room, or choose another folder with --output.",
        )


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
