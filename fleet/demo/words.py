"""How a demo words its steps."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import typer

from fleet.views.typed import started_as


def head(number: int, title: str, *command: str) -> str:
    """Print a title and the command that does the same, and return the title."""
    words = " \\\n      ".join(command)
    typer.echo(f"\n{number}. {title}\n" + (f"  $ {started_as()} {words}\n" if command else ""))
    return title


def said(title: str, text: str) -> str:
    """Print the result of a step; return what a second demo prints of it."""
    typer.echo(indented(text))
    return f"\n{title}\n\n{indented(text)}"


def indented(text: str) -> str:
    """Return text with each of its lines two columns further right."""
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


def near(path: Path) -> Path:
    """Return a path relative to the current folder where it lies in it."""
    here = Path(os.path.abspath("."))  # noqa: PTH100 - keeps links
    return path.relative_to(here) if path.is_relative_to(here) else path


def typed(path: Path) -> str:
    """Return a path as one types it into a shell, relative where it lies in the current folder."""
    words = str(near(path))
    return shlex.quote(f"./{words}" if words.startswith("-") else words)
