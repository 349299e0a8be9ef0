"""`fleet devices`: the simulated chips, their speeds and their rules."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.ascend.figures.documented import FIGURES
from fleet.ascend.figures.modelled import compare
from fleet.ascend.figures.rules import read_rules
from fleet.ascend.soc import CHIPS, soc
from fleet.views.chips import render_chips
from fleet.views.rates import render_rates
from fleet.views.rules import render_rules


def devices(
    *,
    rates: Annotated[
        bool, typer.Option("--rates", help="Compare the modelled clock with the documented speeds.")
    ] = False,
    rules: Annotated[
        str | None,
        typer.Option(metavar="CHIP", help="Print the rules that a chip enforces, with sources."),
    ] = None,
    chip: Annotated[str | None, typer.Option("--soc", help="One chip; by default all.")] = None,
) -> None:
    """Show the simulated chips. All figures are modelled."""
    if rules is not None:
        typer.echo(render_rules(rules, read_rules(soc(rules).name)))
        return
    chips = [soc(chip)] if chip else list(CHIPS.values())
    if rates:
        typer.echo(render_rates(compare(s, f) for s in chips for f in FIGURES if f.chip == s.name))
    else:
        typer.echo(render_chips(chips))
