"""`fleet plan`: the work and the cost of a run, before anything runs."""

from __future__ import annotations

import os

import typer

from fleet.cli.codes import EXIT_ERRORS
from fleet.cli.options import JobOptions, PricePerDeviceHour, job_options
from fleet.cli.output_folder import AsJson, counting, print_json
from fleet.driver.estimate import estimate
from fleet.driver.session import load_session, resolve_target
from fleet.views.plan import render


@job_options(without=("max_devices", "deadline"))
def plan(
    options: JobOptions,
    *,
    price_per_device_hour: PricePerDeviceHour = None,
    as_json: AsJson = False,
) -> None:
    """Print what `fleet run` with the same options would do, cost and refuse; change nothing.

    Exit code: 0; 3 where videos will be refused; 2 bad usage.
    """
    job = options.load()
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
