"""`fleet requeue`: let the next run do lost stretches again."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.options import IndexCache
from fleet.cli.output_folder import AsJson, Output, print_json
from fleet.core.format import duration, plural
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.table import Table


def requeue(
    output: Output,
    reason: Annotated[
        str, typer.Option(help="Only losses of this name, stage or code, as in errors/.")
    ] = "",
    uri: Annotated[
        str, typer.Option(help="Only losses of videos whose location or name match this glob.")
    ] = "",
    index_cache: IndexCache = None,
    as_json: AsJson = False,
) -> None:
    """Mark what was lost or refused as not done, so that the next run does it again.

    Their rows leave errors/, and with them the GOPs that they lie in; no other row is touched.
    """
    table = Table.open(output)
    store = IndexStore(Folder(index_cache or f"{table.uri}/{INDEX_FOLDER}"))
    done = table.requeue(LossFilter(reason, uri), store)
    if as_json:
        print_json(done)
        return
    if not done.losses:
        typer.echo(f"Nothing to take up: {table.uri}/errors is empty.")
        return
    errors, videos = plural(done.losses, "error"), plural(done.videos, "video")
    stretch = f": {duration(done.video_s)} of video" if done.video_s else ""
    whole = f", {plural(done.refused, 'refused video')} whole" if done.refused else ""
    typer.echo(f"Taken up again: {errors} in {videos}{stretch}{whole}.")
    typer.echo("The job's own command does it now, and nothing else.")
    if done.of_job:
        typer.echo("If its code has changed since, add --retry-failed.")
