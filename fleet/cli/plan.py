"""`fleet plan`: the work and the cost of a run, before anything runs."""

from __future__ import annotations

import os
from dataclasses import asdict

import typer

from fleet.cli.codes import EXIT_ERRORS
from fleet.cli.options import JobOptions, PricePerDeviceHour, job_options
from fleet.cli.output_folder import AsJson, counting, print_json
from fleet.driver.outlook.estimate import devices_for, estimate
from fleet.driver.places import has_cluster, planned_sizing
from fleet.driver.session import load_session
from fleet.driver.target.target import resolve_target
from fleet.executors.choice import choose, devices_of_machine
from fleet.job.job import Job
from fleet.views.plan import render


@job_options(without=("weight", "job_labels"))
def plan(
    options: JobOptions,
    *,
    price_per_device_hour: PricePerDeviceHour = None,
    as_json: AsJson = False,
) -> None:
    """Print what `fleet run` with the same job would do, cost and refuse; change nothing.

    Exit code: 0; 3 where videos will be refused; 2 bad usage.
    """
    job = options.load()
    count = _devices(job)
    with counting("videos looked at") as on_progress:
        found = estimate(load_session(resolve_target(job)), count, on_progress)
    chosen = planned_sizing(job, choose(job.on, has_cluster=has_cluster()).mode, found.leases)
    needed = None if job.deadline_s is None else devices_for(found, job.deadline_s)
    if as_json:
        prices = {"here": found.here, "chip": found.chip}
        price = price_per_device_hour
        price_of = price and {k: cost.price(price) for k, cost in prices.items()}
        deadline = needed and asdict(needed)
        print_json(found, price=price_of, devices_for_deadline=deadline, chosen=chosen)
    else:
        typer.echo(render(found, price_per_device_hour, needed, chosen))
    if found.refused:
        raise typer.Exit(EXIT_ERRORS)


def _devices(job: Job) -> int:
    """Return on how many devices the work is planned: those of a run that gets all it asks for."""
    if job.devices != "auto":
        return job.devices
    here = devices_of_machine(len(os.sched_getaffinity(0)), job.cores_per_device)
    return job.max_devices or here
