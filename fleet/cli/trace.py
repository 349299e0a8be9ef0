"""`fleet trace`: what devices did when, for Perfetto."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.output_folder import Output, check_name, put_file
from fleet.core.format import plural, size
from fleet.report.trace import chrome_trace
from fleet.table.table import Table


def trace(
    output: Output,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it goes.")] = Path("trace.json"),
) -> None:
    """Write nodes, devices, leases, stages, commits, retries and backup tasks as a Chrome trace.

    Open it at ui.perfetto.dev or in chrome://tracing. A run that goes on is told of up to the last
    minute.
    """
    check_name(out, "application/json", "a trace in JSON", "trace.json")
    table = Table.open(output)
    state, diaries = table.state(), table.runs.diaries.read()
    data = chrome_trace(diaries, state)
    put_file(out, data)
    leases, runs = plural(len(state), "lease"), plural(len(diaries), "run")
    typer.echo(f"{out}: {leases}, {runs} with a diary, {size(len(data))}")
