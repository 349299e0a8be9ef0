"""The processes of devices that a process has started."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def workers(parent: int) -> set[int]:
    """Return those that live, open or still starting."""
    found = set()
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        # A thread may end, and so may a process.
        with suppress(FileNotFoundError):
            for child in task.read_text("ascii").split():
                with suppress(FileNotFoundError, ProcessLookupError):
                    if b"processes.child" in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.add(int(child))
    return found
