"""`fleet run`, with all that its observer sees written down: noted_run.py JOB.toml NOTES SETTINGS.

NOTES gets a line of JSON for each event: `kind`, its class; `at_s`, by the machine's own clock,
which all hosts share; its plain fields, and the `frames` of its receipt. Nodes of the cluster are
noted as `Node` when they are first seen alive with a device.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import fields
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, TextIO

import ray

import fleet
from fleet.core.receipt import Receipt
from fleet.core.run_events import RunEvent

PLAIN = (str, int, float, bool)
LOOK_EVERY_S = 0.1


class Notes:
    """An observer that writes down what it sees."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._turn = Lock()

    def on_event(self, event: RunEvent) -> None:
        """Write an event down."""
        values = {item.name: getattr(event, item.name) for item in fields(event)}
        if isinstance(receipt := values.get("receipt"), Receipt):
            values["frames"] = receipt.tally.frames
        self.put(type(event).__name__, **{k: v for k, v in values.items() if isinstance(v, PLAIN)})

    def put(self, kind: str, **values: Any) -> None:
        """Write a line."""
        with self._turn:
            self._out.write(json.dumps({"kind": kind, "at_s": time.monotonic(), **values}) + "\n")
            self._out.flush()


def look_out(notes: Notes, over: Event) -> None:
    """Note each node with a device when it is first seen."""
    known: set[str] = set()
    while not over.wait(LOOK_EVERY_S):
        if not ray.is_initialized():
            continue
        for node in ray.nodes():  # type: ignore[no-untyped-call]
            name = node["NodeManagerHostname"]
            if node["Alive"] and node["Resources"].get("NPU") and name not in known:
                known.add(name)
                notes.put("Node", host=name)


def main() -> int:
    """Run the job."""
    job_file, notes_file, settings = sys.argv[1:]
    job = fleet.load_job(job_file, json.loads(settings))
    over = Event()
    with Path(notes_file).open("w", encoding="utf-8") as out:
        notes = Notes(out)
        lookout = Thread(target=look_out, args=(notes, over))
        lookout.start()
        try:
            report = fleet.run(job, observer=notes)
        finally:
            over.set()
            lookout.join()
        notes.put("Report", frames=report.total.frames, exit_code=report.exit_code)
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
