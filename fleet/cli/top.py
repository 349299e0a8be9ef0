"""`fleet top`: what a run does just now."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from fleet.cli.output_folder import Output, open_output
from fleet.storage import Folder
from fleet.table.state.run_records import RunRecord, read_run_records
from fleet.views.top import describe_end, draw_top

LOOK_EVERY_S = 1.0
"""Runs put their notes every five seconds."""
AROUND = 12
"""Lines beside those of devices."""


def top(
    output: Output,
    *,
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
) -> None:
    """Show nodes, devices and videos of a run while it lasts, from any machine.

    It reads what the run puts into its output every five seconds, and ends when no run is at work.
    Where its own output is no terminal, it prints once.
    """
    folder, _ = open_output(output)
    console = Console()
    notes = read_run_records(folder)
    if once or not console.is_terminal:
        _print(console, folder, notes)
    else:
        notes = _follow(console, folder, notes)
    if not _alive(notes):
        typer.echo(describe_end(folder.uri, notes, time.time()))


def _alive(notes: list[RunRecord]) -> list[RunRecord]:
    now_s = time.time()
    return [note for note in notes if note.is_alive(now_s)]


def _print(console: Console, folder: Folder, notes: list[RunRecord]) -> None:
    if alive := _alive(notes):
        console.print(draw_top(folder.uri, alive, time.time()))


def _follow(console: Console, folder: Folder, notes: list[RunRecord]) -> list[RunRecord]:
    """Draw the runs until none is at work; gives the last notes."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while alive := _alive(notes):
            rows = max(1, console.height // len(alive) - AROUND)
            live.update(draw_top(folder.uri, alive, time.time(), rows), refresh=True)
            time.sleep(LOOK_EVERY_S)
            notes = read_run_records(folder)
    return notes
