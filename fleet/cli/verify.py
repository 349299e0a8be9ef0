"""`fleet verify`: prove that an output is complete, and that its rows come out again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from secrets import randbelow
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli import typed
from fleet.cli.codes import EXIT_FAILED
from fleet.cli.options import JobFile, JobOptions, Model, Sampling, Settings, read_overrides
from fleet.cli.output_folder import AsJson, Output, counting, print_json
from fleet.errors import UsageError
from fleet.table.maintenance.finding import Finding
from fleet.table.table import Table
from fleet.views.verify import render

if TYPE_CHECKING:
    from fleet.driver.recheck.report import RecheckReport

DEEP = "Deep"
"""The panel of the help."""
_SEEDS = 1_000_000
_READABLE = {"not done", "not closed"}
"""Kinds of findings beside which the rows that are there can be read."""


def verify(
    output: Output,
    job_file: JobFile = None,
    *,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Compare listings and records; read no object whole."),
    ] = False,
    deep: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Decode N stretches again and compare the rows; 20 are a good start.",
            rich_help_panel=DEEP,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of the draw of stretches; default: another each time.", rich_help_panel=DEEP
        ),
    ] = None,
    model: Model = None,
    sample: Sampling = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Prove that all is there, once, and as it was written; or list what is not, and what to do.

    With --deep and the job's own options, stretches of the videos are decoded again here, by the
    job, and the rows compared. Exit code: 0 proven, 1 not.
    """
    options = JobOptions(job_file, read_overrides(settings, {"model": model, "sample": sample}))
    _check(options, output, deep, seed)
    with counting("objects read") as on_progress:
        found = Table.open(output).verify(read_objects=not quick, on_progress=on_progress)
    again = None
    if deep and {finding.kind for finding in found.findings} <= _READABLE:
        again = _recheck(options, output, deep, seed)
    elif deep:
        typer.echo("fleet: nothing was decoded again: put right what is named first.", err=True)
    proven = found.proven and (again is None or again.proven)
    if as_json:
        print_json(found, proven=proven, deep=again and asdict(again))
    else:
        shown = replace(found, findings=_typed(found.findings))
        typer.echo(render(shown, again and replace(again, findings=_typed(again.findings))))
    if not proven:
        raise typer.Exit(EXIT_FAILED)


def _typed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(each, way_out=typed(each.way_out)) for each in findings)


def _check(options: JobOptions, output: str, deep: int | None, seed: int | None) -> None:
    """Raise UsageError where options lack each other."""
    if deep and options.is_empty:
        raise UsageError(
            "--deep runs the job again, and an output holds neither its code nor its model.",
            "Name the job as its `fleet run` did: "
            f"fleet verify {quote(output)} JOB.toml --deep {deep}, "
            "with the same --model, --sample and --set.",
        )
    if not deep and not (options.is_empty and seed is None):
        raise UsageError(
            "A job and --seed are for --deep N alone.", "Say --deep 20, or leave them."
        )


def _recheck(options: JobOptions, output: str, deep: int, seed: int | None) -> RecheckReport:
    # Devices take a second to import, and most outputs are verified without one.
    from fleet.driver.recheck.recheck import recheck  # noqa: PLC0415

    # Its videos are those that the output lists; a job file may leave them to the command line.
    job = JobOptions(options.job_file, {**options.overrides, "input": output, "output": output})
    with counting("stretches decoded again") as on_progress:
        drawn_by = randbelow(_SEEDS) if seed is None else seed
        return recheck(job.load(), deep, drawn_by, on_progress)
