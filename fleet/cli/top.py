"""`fleet top`: what a run is doing."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.live import Live

from fleet.cli.output_folder import Output
from fleet.table.state.run_records import RunRecord
from fleet.table.table import Table
from fleet.views.clean_console import CleanConsole
from fleet.views.top import describe_end, draw_top

LOOK_EVERY_S = 1.0
"""Runs write their notes every five seconds."""
AROUND = 14
"""How many lines are not those of devices."""


def top(
    output: Output,
    *,
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
) -> None:
    """Show nodes, devices and videos of a run while it lasts, from any machine.

    It reads what the run writes into its output every five seconds, and ends when no run is active.
    Where stdout is no terminal, it prints once.
    """
    table = Table.open(output)
    console = CleanConsole()
    notes = table.runs.read()
    if once or not console.is_terminal:
        _print(console, table, notes)
    else:
        notes = _follow(console, table, notes)
    if not _alive(notes):
        typer.echo(describe_end(table.uri, notes, time.time()))


def _alive(notes: list[RunRecord]) -> list[RunRecord]:
    now_s = time.time()
    return [note for note in notes if note.seems_alive(now_s)]


def _print(console: CleanConsole, table: Table, notes: list[RunRecord]) -> None:
    if alive := _alive(notes):
        console.print(draw_top(table.uri, alive, time.time()))


def _follow(console: CleanConsole, table: Table, notes: list[RunRecord]) -> list[RunRecord]:
    """Draw the runs until none is active; return the last notes."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while alive := _alive(notes):
            rows = max(1, console.height // len(alive) - AROUND)
            live.update(draw_top(table.uri, alive, time.time(), rows), refresh=True)
            time.sleep(LOOK_EVERY_S)
            notes = table.runs.read()
    return notes
