"""`fleet compact`: replace many small parts by few large ones."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.output_folder import AsJson, Output, counting, print_json
from fleet.core.format import plural, size
from fleet.table.table import Table


def compact(
    output: Output,
    target_mb: Annotated[
        int, typer.Option(min=1, max=4000, help="Size of a part of the largest table.")
    ] = 128,
    as_json: AsJson = False,
) -> None:
    """Rewrite many small parts into few large ones; a job may run meanwhile.

    fleet.read sees every row once at any moment. A plain glob sees every row once, or fails for
    some seconds, naming switching-read-again-soon.parquet.
    """
    with counting("large parts") as on_progress:
        done = Table.open(output).compact(target_mb * 1_000_000, on_progress)
    if as_json:
        print_json(done)
    elif not done.leases:
        typer.echo(f"Nothing to bring together in {plural(done.objects_before, 'part')}.")
    else:
        before = f"{plural(done.objects_before, 'part')} of {size(done.bytes_before)}"
        after = f"{plural(done.objects_after, 'part')} of {size(done.bytes_after)}"
        typer.echo(f"{before} are now {after}; no row was changed.")
