"""`fleet status`: where a job stands."""

from __future__ import annotations

import typer

from fleet.cli.output_folder import AsJson, Output, open_output, print_json
from fleet.table.status import read_status
from fleet.views.status import render


def status(output: Output, as_json: AsJson = False) -> None:
    """Tell where a job stands, from its output alone: from any machine, during and after."""
    found = read_status(*open_output(output))
    if as_json:
        print_json(found, state=found.state)
    else:
        typer.echo(render(found))
