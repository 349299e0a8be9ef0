"""A run, in a process of its own, that stops itself just before it puts a part of its second lease.

`python late.py JOB_FILE SETTINGS TABLE`: settings as JSON; the table whose part it is. Whoever lets
it go on (SIGCONT) has a run that was given up for dead and commits late; it names what it puts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path

import fleet
from fleet.storage import Folder
from fleet.table.commits.record import lease_of


def stop_before_the_second(table: str) -> None:
    """Have this process stop there."""
    create, numbers = Folder.create, count(1)

    def create_after_all(folder: Folder, name: str, data: bytes) -> str | None:
        if name.startswith(f"{table}/") and lease_of(name) and next(numbers) == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        version = create(folder, name, data)
        print(name, flush=True)  # noqa: T201 - the parent reads it
        return version

    Folder.create = create_after_all  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    job_file, settings, table = sys.argv[1:]
    stop_before_the_second(table)
    fleet.run(fleet.load_job(Path(job_file), json.loads(settings)), on="inline")
