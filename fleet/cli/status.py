"""`fleet status`: the state of a job."""

from __future__ import annotations

import typer

from fleet.cli.output_folder import AsJson, Output, print_json
from fleet.table.status import read_status
from fleet.table.table import Table
from fleet.views.status import render
from fleet.views.typed import started_as


def status(output: Output, as_json: AsJson = False) -> None:
    """Print the state of a job from its output alone: on any machine, during a run and after."""
    found = read_status(Table.open(output))
    if as_json:
        print_json(found, state=found.state)
    else:
        typer.echo(render(found, started_as()))
