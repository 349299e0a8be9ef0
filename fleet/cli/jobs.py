"""`fleet jobs`: what runs and ran on a cluster."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from fleet.cli.output_folder import AsJson, print_list
from fleet.cli.submit import Address
from fleet.errors import FleetError
from fleet.executors.ray.access import exposures
from fleet.storage import Folder
from fleet.submit.reachability import check_address
from fleet.submit.submission import Submission
from fleet.table.state.run_records import RunRecords
from fleet.views.jobs import JobSeen, Progress, render


def jobs(
    *,
    address: Address,
    running: Annotated[
        bool, typer.Option("--running", help="Only those that have not ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the jobs that run and ran on a cluster: id, state, exit code, who, output, progress.

    The oldest comes first. Progress is read from the output, where it can be read from here. The
    cluster forgets its jobs when its head ends; their outputs stay.
    """
    address = check_address(address)
    for exposure in exposures(address, os.environ):
        typer.echo(f"fleet: warning: {exposure}", err=True)
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415 - takes seconds to import

    found = [job for job in Jobs(address).submissions() if not (running and job.over)]
    seen = [_seen(job) for job in found]
    if as_json:
        print_list(seen)
    elif not seen:
        typer.echo("No job is running." if running else "No job was submitted to this cluster.")
    else:
        typer.echo(render(seen, time.time()))


def _seen(job: Submission) -> JobSeen:
    return JobSeen(
        id=job.id,
        state=job.state.lower(),
        job=job.job,
        output=job.output,
        who=job.who,
        since_unix_s=job.since_unix_s,
        ended_unix_s=job.ended_unix_s if job.over else None,
        exit_code=job.exit_code,
        progress=None if job.over else _progress(job.output),
    )


def _progress(output: str) -> Progress | None:
    """Return what the latest run says in an output; None where it says nothing that we can read."""
    try:
        records = RunRecords(Folder(output)).read()
    except FleetError:  # it may be for the nodes alone
        return None
    if not records or records[-1].is_over:
        return None
    last = records[-1]
    return Progress(last.done_frames, last.frames, last.frames_per_s, last.left_s)
