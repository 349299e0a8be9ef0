"""`fleet index`: what a video's header says."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_ERRORS
from fleet.errors import VideoError
from fleet.index_cache.cache import IndexCache
from fleet.storage import expand
from fleet.views.index import describe as describe_index


def index_videos(
    uris: Annotated[list[str], typer.Argument(metavar="URI...", help="Videos, folders, globs.")],
) -> None:
    """Print what a video's header (or a scan of it) says: stream, frames, GOPs."""
    failed = 0
    with closing(IndexCache()) as indexes:
        for number, source in enumerate(expand(uris).sources):
            try:
                text = describe_index(indexes.get(source))
            except VideoError as error:
                failed += 1
                typer.echo(f"fleet: {error}", err=True)
                continue
            typer.echo(f"{chr(10) if number else ''}{text}")
    if failed:
        raise typer.Exit(EXIT_ERRORS)
