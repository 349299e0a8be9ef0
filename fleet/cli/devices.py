"""`fleet devices`: the simulated chips, their speeds and their rules, and the devices of a run."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.live import Live
from rich.text import Text

from fleet.ascend.figures.documented import FIGURES
from fleet.ascend.figures.modelled import compare
from fleet.ascend.figures.rules import read_rules
from fleet.ascend.soc import CHIPS, soc
from fleet.errors import UsageError
from fleet.table.state.run_records import HEARTBEAT_S, RunRecord
from fleet.table.table import Table
from fleet.views.chip.chips import render_chips
from fleet.views.chip.devices import render_devices
from fleet.views.chip.rates import render_rates
from fleet.views.chip.rules import render_rules
from fleet.views.clean_console import CleanConsole
from fleet.views.top import describe_end


def devices(
    output: Annotated[
        str | None,
        typer.Argument(metavar="OUTPUT", help="An output folder of a job that runs."),
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on as long as a run lasts, every five seconds.")
    ] = False,
    rates: Annotated[
        bool, typer.Option("--rates", help="Compare the modelled clock with the documented speeds.")
    ] = False,
    rules: Annotated[
        str | None,
        typer.Option(metavar="CHIP", help="Print the rules that a chip enforces, with sources."),
    ] = None,
    chip: Annotated[str | None, typer.Option("--soc", help="One chip; by default all.")] = None,
) -> None:
    """Show the simulated devices of a run as `npu-smi info` does; without OUTPUT, the chips.

    All figures are modelled; what nothing models is a dash.
    """
    if output is not None:
        if rates or rules or chip:
            raise UsageError("--rates, --rules and --soc concern no output.", "Leave it out.")
        _of_runs(Table.open(output), watch=watch)
        return
    if watch:
        raise UsageError("--watch needs an output.", "Name the output of a job that runs.")
    if rules is not None:
        typer.echo(render_rules(rules, read_rules(soc(rules).name)))
        return
    chips = [soc(chip)] if chip else list(CHIPS.values())
    if rates:
        typer.echo(render_rates(compare(s, f) for s in chips for f in FIGURES if f.chip == s.name))
    else:
        typer.echo(render_chips(chips))


def _of_runs(table: Table, *, watch: bool) -> None:
    console = CleanConsole()
    notes = table.runs.read()
    if watch and console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while alive := _alive(notes):
                live.update(Text(render_devices(table.uri, alive)), refresh=True)
                time.sleep(HEARTBEAT_S)
                notes = table.runs.read()
    else:
        while alive := _alive(notes):
            typer.echo(render_devices(table.uri, alive))
            if not watch:
                return
            time.sleep(HEARTBEAT_S)
            notes = table.runs.read()
    typer.echo(describe_end(table.uri, notes, time.time()))


def _alive(notes: list[RunRecord]) -> list[RunRecord]:
    now_s = time.time()
    return [note for note in notes if note.seems_alive(now_s)]
