"""`fleet plan`: what a run would do, before anything runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_ERRORS
from fleet.cli.options import (
    Devices,
    Exclude,
    Include,
    IndexCache,
    Inputs,
    JobFile,
    Model,
    ModifiedSince,
    Output,
    Sampling,
    Settings,
    read_job,
)
from fleet.cli.output_folder import AsJson, counting, print_json
from fleet.driver.estimate import estimate
from fleet.driver.session import load_session, resolve_target
from fleet.views.plan import render


def plan(
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
    index_cache: IndexCache = None,
    settings: Settings = None,
    price_per_device_hour: Annotated[
        float | None, typer.Option(min=0, help="In any currency.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what `fleet run` with the same options would do, cost and refuse; change nothing.

    Exit code: 0; 3 where videos will be refused; 2 bad usage.
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
        index_cache=index_cache,
    )
    count = len(os.sched_getaffinity(0)) if job.devices == "auto" else job.devices
    with counting("videos looked at") as on_progress:
        found = estimate(load_session(resolve_target(job)), count, on_progress)
    if as_json:
        prices = {"here": found.here, "chip": found.chip}
        price = price_per_device_hour
        print_json(found, price=price and {k: cost.price(price) for k, cost in prices.items()})
    else:
        typer.echo(render(found, price_per_device_hour))
    if found.refused:
        raise typer.Exit(EXIT_ERRORS)
