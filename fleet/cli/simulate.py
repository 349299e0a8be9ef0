"""`fleet simulate`: a run on paper, on as many devices as one likes."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import (
    Inputs,
    JobFile,
    Model,
    Output,
    Sampling,
    Settings,
    read_job,
)
from fleet.cli.output_folder import counting
from fleet.driver.estimate import simulation_input
from fleet.driver.session import load_session, resolve_target
from fleet.errors import UsageError
from fleet.job.job_file import Job
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.simulate.conditions import Conditions
from fleet.simulate.whatif import MakePieces, made_up, planned, read_failures, read_slow
from fleet.simulate.whatif import what_if as simulate_all
from fleet.views.simulation import render


def simulate(
    job_file: JobFile = None,
    *,
    devices: Annotated[int, typer.Option(min=1, help="How many devices there are.")] = 1000,
    what_if: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="Other device counts; none for none.")
    ] = None,
    leases: Annotated[
        int | None, typer.Option(min=1, help="Make up so many leases; no job is read.")
    ] = None,
    lease_s: Annotated[
        float, typer.Option(min=0.01, help="Seconds that a made-up lease takes on the mean.")
    ] = 10.0,
    slow: Annotated[str, typer.Option(help="Slow devices: share x factor.")] = "1%x5",
    failures: Annotated[str, typer.Option(help="Devices that fail in a minute.")] = "0.1%",
    soc: Annotated[
        str | None, typer.Option(help="Time by this chip's data sheet; default: as measured here.")
    ] = None,
    twins: Annotated[bool, typer.Option(help="Idle devices help slow ones.")] = True,
    seed: Annotated[int, typer.Option(help="What is drawn; the same seed, the same run.")] = 0,
    inputs: Inputs = None,
    model: Model = None,
    output: Output = None,
    sample: Sampling = None,
    settings: Settings = None,
    price_per_device_hour: Annotated[
        float | None, typer.Option(min=0, help="In any currency.")
    ] = None,
) -> None:
    """Simulate a run: the ledger and the balance of `fleet run`, on devices that are not there.

    What a job has left to do is looked up as by `fleet plan`; nothing is run or changed.
    """
    weather = read_failures(failures, read_slow(slow, Conditions()))
    others = _counts(what_if)
    if leases is None:
        overrides = {"input": inputs, "model": model, "output": output, "sample": sample}
        job = read_job(job_file, settings, **overrides, soc=soc)
        make, what, basis = _plan(job, devices, by_chip=soc is not None)
    elif soc is not None or job_file is not None:
        raise UsageError("--leases makes leases up: neither a job nor a chip goes with it.")
    else:
        make, basis = made_up(leases, lease_s, seed), f"made up, {lease_s:g} s a lease on the mean"
        what = f"{devices:,} devices, {leases:,} leases"
    table = simulate_all(make, devices, others, weather, seed, SchedulingPolicy(backups=twins))
    typer.echo(render(table, weather, what, basis, seed, price_per_device_hour))


def _counts(text: str | None) -> list[int] | None:
    if text is None:
        return None
    words = [] if text == "none" else text.replace(" ", "").split(",")
    if not all(word.isdecimal() and int(word) for word in words):
        raise UsageError(f"{text!r} is no list of device counts.", "Write it like 500,2000.")
    return [int(word) for word in words]


def _plan(job: Job, devices: int, *, by_chip: bool) -> tuple[MakePieces, str, str]:
    """Take what a job has left to do: its leases, what it is, and where its times are from."""
    with counting("videos looked at") as on_progress:
        paper = simulation_input(load_session(resolve_target(job)), on_progress)
    if not paper.work_s:
        raise UsageError("Nothing is left to do, so there is nothing to simulate.")
    cost = paper.chip if by_chip else paper.here
    device = job.soc if by_chip else "a device as here"
    what = f"{devices:,} devices, {job.work.table} -> {job.output}"
    return planned(paper.bundle, cost.device_s / paper.work_s), what, f"{device}, {cost.basis}"
