"""`fleet publish`: the tables of an output as Delta tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fleet.cli.output_folder import AsJson, Output, print_json
from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.table.table import Table

DELTA = "delta"


def publish(
    output: Output,
    format_: Annotated[str, typer.Option("--format", metavar=DELTA, help="Of the table.")] = DELTA,
    as_json: AsJson = False,
) -> None:
    """Publish the tables as Delta tables, each in one version; no part is copied.

    From then on, a run that ends, compact and requeue publish them again. Where nothing has
    changed, nothing is put.
    """
    if format_ != DELTA:
        message = f"Tables cannot be published as {format_}."
        raise UsageError(message, f"There is --format {DELTA}.")
    done = Table.open(output).publish()
    if as_json:
        print_json({"tables": [asdict(table) for table in done]})
        return
    for table in done:
        state = "" if table.changed else ", as before"
        holds = f"{plural(table.rows, 'row')} in {plural(table.files, 'part')}"
        typer.echo(f"{table.uri}: version {table.version}{state}; {holds}")
