"""`fleet simulate`: the simulation of a run, on any number of devices."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import DEVICES, JobOptions, PricePerDeviceHour, job_options
from fleet.cli.output_folder import counting
from fleet.driver.outlook.estimate import simulation_input
from fleet.driver.session import load_session
from fleet.driver.target.target import resolve_target
from fleet.errors import UsageError
from fleet.job.job import Job
from fleet.plan.index_leases import MOST_WORKERS
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.simulate.conditions import Conditions
from fleet.simulate.planning import PlanningPace, made_up_archive
from fleet.simulate.streamed import Fleets, stream
from fleet.simulate.whatif import MakePieces, made_up, planned, read_failures, read_slow
from fleet.simulate.whatif import what_if as simulate_all
from fleet.views.simulation import render

LEASES = "Made-up leases and videos"
"""The panel of the help for what is of no job."""


@job_options(
    without=("devices", "cores_per_device", "max_devices", "deadline", "weight", "job_labels")
)
def simulate(
    options: JobOptions,
    *,
    devices: Annotated[
        int, typer.Option(min=1, help="How many devices there are.", rich_help_panel=DEVICES)
    ] = 1000,
    what_if: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...", help="Other device counts, or none.", rich_help_panel=DEVICES
        ),
    ] = None,
    slow: Annotated[
        str, typer.Option(help="Slow devices: share x factor.", rich_help_panel=DEVICES)
    ] = "1%x5",
    failures: Annotated[
        str, typer.Option(help="Devices that fail in a minute.", rich_help_panel=DEVICES)
    ] = "0.1%",
    soc: Annotated[
        str | None,
        typer.Option(
            help="A chip, to time by its data sheet.",
            show_default="as here",
            rich_help_panel=DEVICES,
        ),
    ] = None,
    backups: Annotated[
        bool, typer.Option(help="Idle devices help slow ones.", rich_help_panel=DEVICES)
    ] = True,
    leases: Annotated[
        int | None,
        typer.Option(min=1, help="Make up so many leases; no job is read.", rich_help_panel=LEASES),
    ] = None,
    lease_s: Annotated[
        float,
        typer.Option(
            min=0.01,
            help="Seconds of one of these, on the mean.",
            rich_help_panel=LEASES,
        ),
    ] = 10.0,
    videos: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Make up so many videos, planned while the run goes on.",
            rich_help_panel=LEASES,
        ),
    ] = None,
    nodes: Annotated[
        int,
        typer.Option(min=0, help="Nodes that look at their headers.", rich_help_panel=LEASES),
    ] = MOST_WORKERS,
    seed: Annotated[int, typer.Option(help="The same seed, the same run.")] = 0,
    price_per_device_hour: PricePerDeviceHour = None,
) -> None:
    """Simulate what is left of a job, as `fleet run` schedules it, on devices made up."""
    conditions = read_failures(failures, read_slow(slow, Conditions()))
    others, policy = _counts(what_if), SchedulingPolicy(backups=backups)
    if leases is not None and videos is not None:
        raise UsageError("--leases makes leases up, and --videos videos: take one of them.")
    if (leases or videos) and not (soc is None and options.is_empty):
        raise UsageError("What is made up goes with neither a job nor a chip.")
    if videos is not None:
        archive = made_up_archive(videos, lease_s, seed)
        fleets = Fleets(devices, others, PlanningPace(nodes), conditions, seed, policy)
        table, plan = stream(archive, fleets)
        what = f"{devices:,} devices, {videos:,} videos"
        basis = f"made up, {lease_s:g} s a video on the mean"
        text = render(table, conditions, what, basis, seed, price_per_device_hour, plan)
        typer.echo(text)
        return
    if leases is None:
        make, what, basis = _plan(options.load(soc=soc), devices, by_chip=soc is not None)
    else:
        make, basis = made_up(leases, lease_s, seed), f"made up, {lease_s:g} s a lease on the mean"
        what = f"{devices:,} devices, {leases:,} leases"
    table = simulate_all(make, devices, others, conditions, seed, policy)
    typer.echo(render(table, conditions, what, basis, seed, price_per_device_hour))


def _counts(text: str | None) -> list[int] | None:
    if text is None:
        return None
    words = [] if text == "none" else text.replace(" ", "").split(",")
    if not all(word.isdecimal() and int(word) for word in words):
        raise UsageError(f"{text!r} is no list of device counts.", "Write it like 500,2000.")
    return [int(word) for word in words]


def _plan(job: Job, devices: int, *, by_chip: bool) -> tuple[MakePieces, str, str]:
    """Return what a job has left to do: its leases, its name, and where its times are from."""
    with counting("videos looked at") as on_progress:
        found = simulation_input(load_session(resolve_target(job)), on_progress)
    if not found.work_s:
        raise UsageError("Nothing is left to do, so there is nothing to simulate.")
    cost = found.chip if by_chip else found.here
    device = job.soc if by_chip else "a device as here"
    what = f"{devices:,} devices, {job.work.table} -> {job.output}"
    return planned(found.bundle, cost.device_s / found.work_s), what, f"{device}, {cost.basis}"
