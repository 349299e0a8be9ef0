"""`fleet verify`: prove that an output is complete."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.cli.output_folder import AsJson, Output, counting, print_json
from fleet.table.table import Table
from fleet.views.verify import render


def verify(
    output: Output,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Compare listings and records; read no object whole."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that all is there, once, and as it was written; or list what is not, and what to do.

    Exit code: 0 proven, 1 not.
    """
    with counting("objects read") as on_progress:
        found = Table.open(output).verify(read_objects=not quick, on_progress=on_progress)
    if as_json:
        print_json(found, proven=found.proven)
    else:
        typer.echo(render(found))
    if not found.proven:
        raise typer.Exit(EXIT_FAILED)
