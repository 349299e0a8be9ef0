"""One life of a driver under a schedule: a process that runs a job and strikes, then tells.

Reads its orders from stdin as JSON, writes what happens to stdout as lines of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fleet.chaos.injector import FaultInjector
from fleet.chaos.instructions import Instructions
from fleet.chaos.schedule import Strike
from fleet.driver.api import run
from fleet.errors import FleetError
from fleet.job.job_file import load_job


def main() -> None:
    """Live."""
    orders = Instructions.from_json(sys.stdin.read())
    mischief = FaultInjector(orders.strikes, _tell_strike)
    try:
        report = run(load_job(orders.job_file, orders.overrides), observer=mischief)
    except FleetError as error:
        _tell({"error": str(error)})
        sys.exit(1)
    toll = asdict(mischief.end())
    frames = report.this_run.frames
    worked_s = mischief.worked_s
    _tell({"end": report.exit_code, "toll": toll, "frames": frames, "worked_s": worked_s})


def _tell_strike(trigger: Strike, whom: str) -> None:
    _tell({"strike": trigger.deed, "at_s": trigger.at_s, "whom": whom})


def _tell(what: Mapping[str, Any]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
