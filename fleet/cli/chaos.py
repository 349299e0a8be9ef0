"""`fleet chaos`: run a job undisturbed, then under faults, and compare the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.chaos.run import Life, Trial, compare
from fleet.chaos.schedule import Strike, Wanted, set_out
from fleet.cli.codes import EXIT_FAILED
from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.job.job_file import load_job
from fleet.job.toml_text import parse_override
from fleet.storage import Folder
from fleet.storage.fault_injection import Faults

_WATCHDOG_S = 10.0
"""Short, so that a run under chaos notices a hanging worker soon."""


def chaos(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="A job file.")],
    output: Annotated[str, typer.Option(help="An empty folder, for both outputs.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults.")] = 7,
    kills: Annotated[int, typer.Option(help="Workers killed.")] = 3,
    hangs: Annotated[int, typer.Option(help="Workers that stop answering.")] = 1,
    driver_deaths: Annotated[int, typer.Option(help="Times that the driver is killed.")] = 1,
    failing: Annotated[float, typer.Option(help="Share of storage requests that fail.")] = 0.05,
    torn: Annotated[float, typer.Option(help="Share of writes that break off midway.")] = 0.05,
    short: Annotated[float, typer.Option(help="Share of reads that return too few bytes.")] = 0.02,
    slow: Annotated[float, typer.Option(help="Share of requests that take 2 s.")] = 0.005,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for any field; repeatable.")
    ] = None,
) -> None:
    """Run a job twice, undisturbed and under a seeded schedule of faults, and compare the rows.

    It kills and hangs workers and the driver as processes of this machine: use it to try out a job
    and a storage, not a cluster in use. Exit code: 0 the rows are the same; 1 they are not.
    """
    overrides = dict(parse_override(text) for text in settings or [])
    overrides.setdefault("watchdog_s", _WATCHDOG_S)
    # Mistakes in the job file show before anything runs.
    load_job(job_file, {**overrides, "output": output})
    _refuse_full(output)
    wanted = Wanted(kills, hangs, driver_deaths)
    faults = Faults(seed, fail=failing, torn=torn, short=short, slow=slow)
    whole, disturbed = f"{output.rstrip('/')}/undisturbed", f"{output.rstrip('/')}/disturbed"
    trial = Trial(str(job_file), overrides)
    typer.echo(f"Undisturbed -> {whole}")
    calm = trial.undisturbed(whole)
    typer.echo(f"  {plural(calm.frames, 'frame')} in {calm.worked_s:.1f} s")
    lives = set_out(seed, wanted, calm.worked_s)
    typer.echo(f"Disturbed, seed {seed} -> {disturbed}\n  storage: {faults}")
    ends = trial.disturbed(disturbed, lives, faults, lambda said: typer.echo(f"  {said}"))
    _conclude(lives, ends, whole, disturbed)


def _refuse_full(output: str) -> None:
    if next(iter(Folder(output).list()), None) is not None:
        raise UsageError(f"{output} is not empty.", "Use another --output, or empty it.")


def _conclude(
    lives: tuple[tuple[Strike, ...], ...], ends: list[Life], whole: str, disturbed: str
) -> None:
    asked, struck = sum(map(len, lives)), sum(end.struck for end in ends)
    missed = f", {asked - struck} came too late" if asked > struck else ""
    lost, redone = sum(end.devices_lost for end in ends), sum(end.redone for end in ends)
    typer.echo(f"{plural(struck, 'strike')}{missed}; the driver ran {plural(len(ends), 'time')}")
    typer.echo(f"{plural(lost, 'worker')} lost, {plural(redone, 'lease')} begun again")
    if ends[-1].exit_code not in {0, 3}:
        typer.echo(f"The last run ended with exit code {ends[-1].exit_code}.")
        raise typer.Exit(EXIT_FAILED)
    compared = compare(whole, disturbed)
    for name in compared.same:
        typer.echo(f"{name}: the same rows")
    for name in compared.different:
        typer.echo(f"{name}: DIFFERENT ROWS")
    if compared.different:
        raise typer.Exit(EXIT_FAILED)
