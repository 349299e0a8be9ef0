"""`fleet words`: what the words mean that commands print."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from fleet.views.words import look_up, read_words, render_words

WIDEST = 100


def words(
    word: Annotated[
        str | None, typer.Argument(metavar="WORD", help="Such as lease; all where none is named.")
    ] = None,
) -> None:
    """Explain the words that commands and pages use: lease, part, GOP, AIPP and others."""
    known = read_words()
    found = known if word is None else look_up(known, word)
    typer.echo(render_words(found, min(WIDEST, shutil.get_terminal_size().columns)))
