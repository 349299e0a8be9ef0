"""`fleet stop`: stop a submitted job, or list those that run."""

from __future__ import annotations

import os
import time
from shlex import quote
from typing import Annotated

import typer

from fleet.cli.submit import Address, write
from fleet.core.format import duration
from fleet.errors import UsageError
from fleet.executors.ray.access import exposures
from fleet.submit.reachability import check_address
from fleet.submit.submission import Submission
from fleet.views.typed import started_as


def stop(
    submission: Annotated[
        str | None, typer.Argument(metavar="ID", help="What `fleet submit` called it.")
    ] = None,
    *,
    address: Address,
) -> None:
    """Stop a submitted job; what is committed is kept, and the job submitted again continues.

    It waits until the job has ended, and prints what the job says. Without an ID it lists the jobs
    that run.
    """
    address = check_address(address)
    for exposure in exposures(address, os.environ):
        typer.echo(f"fleet: warning: {exposure}", err=True)
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415 - takes seconds to import

    jobs = Jobs(address)
    if submission is None:
        _list([job for job in jobs.all() if not job.over])
        return
    found = jobs.look(submission)
    if found.over:
        typer.echo(f"{submission} has ended already ({found.state.lower()}).")
        return
    if found.has_joined:
        message = f"{submission} joined the cluster by itself, as with RAY_ADDRESS."
        raise UsageError(message, f"What is committed stays: {found.way_to_end}.")
    before = len(jobs.log(submission))
    ended = jobs.stop(submission)
    write(jobs.log(submission)[before:])
    typer.echo(f"{submission} has ended ({ended.state.lower()}). {_keeps(ended)}")


def _keeps(ended: Submission) -> str:
    return f"What is committed: {started_as()} status {quote(ended.output)}" if ended.output else ""


def _list(running: list[Submission]) -> None:
    if not running:
        typer.echo("No job is running.")
    for job in running:
        age = duration(max(0.0, time.time() - job.since_unix_s))
        typer.echo(f"{job.id}  {job.state.lower()} for {age}  {job.job} -> {job.output}")
        if job.has_joined:
            typer.echo(f"    joined by itself: {job.way_to_end}")
