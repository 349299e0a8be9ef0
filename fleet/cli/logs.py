"""`fleet logs`: what a submitted job prints."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.cli.submit import Address, conclude, write
from fleet.errors import UsageError
from fleet.executors.ray.access import exposures
from fleet.submit.reachability import check_address


def logs(
    submission: Annotated[
        str, typer.Argument(metavar="ID", help="What `fleet submit` called the job.")
    ],
    *,
    address: Address,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it has ended, and end with its exit code.")
    ] = False,
) -> None:
    """Print what a submitted job has printed, from its beginning.

    With --follow, Ctrl-C ends the following, not the job.
    """
    address = check_address(address)
    for exposure in exposures(address, os.environ):
        typer.echo(f"fleet: warning: {exposure}", err=True)
    from fleet.submit.ray_jobs import Jobs  # noqa: PLC0415 - takes seconds to import

    jobs = Jobs(address)
    found = jobs.look(submission)
    if found.has_joined:
        message = f"{submission} joined the cluster by itself, as with RAY_ADDRESS."
        place = f"It prints where {found.who or 'somebody'} has started it."
        raise UsageError(message, f"{place} How it stands: fleet top {shlex.quote(found.output)}")
    if not follow:
        write(jobs.log(submission))
        return
    try:
        ended = jobs.follow(submission, write)
    except KeyboardInterrupt:
        typer.echo(f"\nfleet: {submission} goes on without being followed.", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    raise typer.Exit(conclude(ended))
