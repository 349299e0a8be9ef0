"""`fleet run`: a job over videos."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli.codes import EXIT_FAILED
from fleet.cli.options import (
    Deadline,
    Devices,
    Exclude,
    Include,
    IndexCache,
    Inputs,
    JobFile,
    MaxDevices,
    Model,
    ModifiedSince,
    Output,
    Sampling,
    Settings,
    read_job,
)
from fleet.job.job_file import Job
from fleet.views.live import show_progress
from fleet.views.summary import render


def run(
    job_file: JobFile = None,
    *,
    inputs: Inputs = None,
    include: Include = None,
    exclude: Exclude = None,
    modified_since: ModifiedSince = None,
    model: Model = None,
    output: Output = None,
    sample: Sampling = None,
    devices: Devices = None,
    max_devices: MaxDevices = None,
    deadline: Deadline = None,
    index_cache: IndexCache = None,
    settings: Settings = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="All devices in this process, without Ray.")
    ] = False,
    join: Annotated[
        bool, typer.Option("--join", help="Share the work with a run on this output.")
    ] = False,
) -> None:
    """Run a job over videos.

    Exit code: 0 all there; 3 finished, with errors recorded in errors/; 2 bad usage; 1 failed or
    interrupted. The same command again does only what is missing.
    """
    job = read_job(
        job_file,
        settings,
        input=inputs,
        include=include,
        exclude=exclude,
        modified_since=modified_since,
        model=model,
        output=output,
        sample=sample,
        devices=devices,
        max_devices=max_devices,
        deadline=deadline,
        index_cache=index_cache,
    )
    raise typer.Exit(_run(job, inline=inline, join=join))


def _run(job: Job, *, inline: bool, join: bool) -> int:
    # Ray's client takes a second to import, which whoever mistyped an option need not wait for.
    from fleet.driver.api import run as run_job  # noqa: PLC0415

    try:
        with show_progress(Console(stderr=True)) as observer:
            report = run_job(job, on="inline" if inline else "ray", observer=observer, join=join)
    except KeyboardInterrupt:
        way_out = "What is committed is kept; to go on, run the same command again."
        typer.echo(f"fleet: interrupted. {way_out}", err=True)
        return EXIT_FAILED
    typer.echo(render(report))
    return report.exit_code
