"""`fleet publish`: the tables of an output as Delta tables, or as those of Iceberg."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fleet.cli.output_folder import AsJson, Output, print_json
from fleet.core.format import plural
from fleet.errors import UsageError
from fleet.table.published.publish import AsIceberg
from fleet.table.table import Table

DELTA, ICEBERG = "delta", "iceberg"
ICEBERG_ALONE = "Iceberg"


def publish(
    output: Output,
    format_: Annotated[
        str, typer.Option("--format", metavar=f"{DELTA}|{ICEBERG}", help="Of the tables.")
    ] = DELTA,
    catalog: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|ADDRESS",
            help="One of pyiceberg's, or such as sqlite:///catalog.db, https://...",
            show_default="pyiceberg's",
            rich_help_panel=ICEBERG_ALONE,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the tables, in the catalogue.",
            show_default="the folder's",
            rich_help_panel=ICEBERG_ALONE,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish the tables as Delta or Iceberg tables, each in one version; no part is copied.

    From then on, a run that begins or ends, compact and requeue publish them again. Where nothing
    has changed, nothing is put.
    """
    if format_ not in {DELTA, ICEBERG}:
        message = f"Tables cannot be published as {format_}."
        raise UsageError(message, f"There are --format {DELTA} and --format {ICEBERG}.")
    if format_ == DELTA and (catalog or namespace):
        message = "Delta tables are in no catalogue, and have no namespace."
        raise UsageError(message, f"Say --format {ICEBERG}, or leave those out.")
    asked = AsIceberg(catalog, namespace) if format_ == ICEBERG else None
    done = Table.open(output).publish(asked)
    if as_json:
        print_json({"tables": [asdict(table) for table in done]})
        return
    word = "version" if asked is None else "snapshot"
    for table in done:
        state = "" if table.changed else ", as before"
        holds = f"{plural(table.rows, 'row')} in {plural(table.files, 'part')}"
        version = "no snapshot yet" if table.version is None else f"{word} {table.version}"
        typer.echo(f"{table.name}: {version}{state}; {holds}")
