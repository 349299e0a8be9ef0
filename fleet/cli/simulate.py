"""`fleet simulate`: the simulation of a run, on any number of devices."""

from __future__ import annotations

from dataclasses import dataclass
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
from fleet.simulate.planning import Fleets, PlanningPace, made_up_archive
from fleet.simulate.streamed import stream
from fleet.simulate.whatif import MakePieces, made_up, planned, read_failures, read_slow
from fleet.simulate.whatif import what_if as simulate_all
from fleet.views.simulation import render

LEASES = "Made-up leases and videos"
"""The panel of the help for what is of no job."""
LEASE_S = 10.0
"""Seconds of what is made up, where nobody says them."""

Devices = Annotated[
    int, typer.Option(min=1, help="How many devices there are.", rich_help_panel=DEVICES)
]
WhatIf = Annotated[
    str | None,
    typer.Option(metavar="N,N,...", help="Other device counts, or none.", rich_help_panel=DEVICES),
]
Slow = Annotated[str, typer.Option(help="Slow devices: share x factor.", rich_help_panel=DEVICES)]
Failures = Annotated[
    str, typer.Option(help="Devices that fail in a minute.", rich_help_panel=DEVICES)
]
Chip = Annotated[
    str | None,
    typer.Option(
        help="A chip, to time by its data sheet.", show_default="as here", rich_help_panel=DEVICES
    ),
]
Backups = Annotated[
    bool, typer.Option(help="Idle devices help slow ones.", rich_help_panel=DEVICES)
]
Leases = Annotated[
    int | None,
    typer.Option(min=1, help="Make up so many leases; no job is read.", rich_help_panel=LEASES),
]
LeaseSeconds = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        help="Seconds of one, on the mean.",
        show_default=f"{LEASE_S:g}",
        rich_help_panel=LEASES,
    ),
]
Videos = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Make up so many videos, planned while the run goes on.",
        rich_help_panel=LEASES,
    ),
]
Nodes = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="With --videos: nodes that look at headers.",
        show_default=str(MOST_WORKERS),
        rich_help_panel=LEASES,
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed, the same run.")]


@dataclass(frozen=True)
class _World:
    """What a run is simulated on, whatever it does."""

    devices: int
    others: list[int] | None
    """Other device counts; None: some that the simulation chooses."""
    conditions: Conditions
    policy: SchedulingPolicy
    seed: int
    price: float | None
    """Of a device for an hour."""


@job_options(
    without=("devices", "cores_per_device", "max_devices", "deadline", "weight", "job_labels")
)
def simulate(
    options: JobOptions,
    *,
    devices: Devices = 1000,
    what_if: WhatIf = None,
    slow: Slow = "1%x5",
    failures: Failures = "0.1%",
    soc: Chip = None,
    backups: Backups = True,
    leases: Leases = None,
    lease_s: LeaseSeconds = None,
    videos: Videos = None,
    nodes: Nodes = None,
    seed: Seed = 0,
    price_per_device_hour: PricePerDeviceHour = None,
) -> None:
    """Simulate what is left of a job, as `fleet run` schedules it, on devices made up."""
    conditions = read_failures(failures, read_slow(slow, Conditions()))
    policy = SchedulingPolicy(backups=backups)
    world = _World(devices, _counts(what_if), conditions, policy, seed, price_per_device_hour)
    if leases is not None and videos is not None:
        raise UsageError("--leases makes leases up, and --videos videos: take one of them.")
    if nodes is not None and videos is None:
        raise UsageError("--nodes looks at the headers of videos that are made up: add --videos.")
    if (leases or videos) and not (soc is None and options.is_empty):
        raise UsageError("What is made up goes with neither a job nor a chip.")
    mean_s = LEASE_S if lease_s is None else lease_s
    if videos is not None:
        text = _videos(videos, mean_s, MOST_WORKERS if nodes is None else nodes, world)
    elif leases is not None:
        text = _leases(leases, mean_s, world)
    elif lease_s is not None:
        raise UsageError("--lease-s is of what is made up: add --leases or --videos.")
    else:
        text = _job(options.load(soc=soc), world, by_chip=soc is not None)
    typer.echo(text)


def _videos(videos: int, mean_s: float, nodes: int, world: _World) -> str:
    """Return the text of a run over an archive that is made up, with its plan."""
    archive = made_up_archive(videos, mean_s, world.seed)
    pace = PlanningPace(nodes)
    fleets = Fleets(world.devices, world.others, pace, world.conditions, world.seed, world.policy)
    table, plan = stream(archive, fleets)
    what = f"{world.devices:,} devices, {videos:,} videos"
    basis = f"made up, {mean_s:g} s a video on the mean"
    return render(table, world.conditions, what, basis, world.seed, world.price, plan)


def _leases(leases: int, mean_s: float, world: _World) -> str:
    """Return the text of a run over leases that are made up."""
    basis = f"made up, {mean_s:g} s a lease on the mean"
    return _planned(made_up(leases, mean_s, world.seed), f"{leases:,} leases", basis, world)


def _job(job: Job, world: _World, *, by_chip: bool) -> str:
    """Return the text of a run that does what a job has left to do."""
    with counting("videos looked at") as on_progress:
        found = simulation_input(load_session(resolve_target(job)), on_progress)
    if not found.work_s:
        raise UsageError("Nothing is left to do, so there is nothing to simulate.")
    cost = found.chip if by_chip else found.here
    device = job.soc if by_chip else "a device as here"
    make = planned(found.bundle, cost.device_s / found.work_s)
    return _planned(make, f"{job.work.table} -> {job.output}", f"{device}, {cost.basis}", world)


def _planned(make: MakePieces, work: str, basis: str, world: _World) -> str:
    """Return the text of a run whose plan is there from the start."""
    table = simulate_all(
        make, world.devices, world.others, world.conditions, world.seed, world.policy
    )
    what = f"{world.devices:,} devices, {work}"
    return render(table, world.conditions, what, basis, world.seed, world.price)


def _counts(text: str | None) -> list[int] | None:
    if text is None:
        return None
    words = [] if text == "none" else text.replace(" ", "").split(",")
    if not all(word.isdecimal() and int(word) for word in words):
        raise UsageError(f"{text!r} is no list of device counts.", "Write it like 500,2000.")
    return [int(word) for word in words]
