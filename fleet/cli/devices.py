"""`fleet devices`: the simulated chips, and how fast their modelled clock runs."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.ascend.figures.documented import FIGURES
from fleet.ascend.figures.modelled import compare
from fleet.ascend.soc import CHIPS, soc
from fleet.views.chips import render_chips
from fleet.views.rates import render_rates


def devices(
    *,
    rates: Annotated[
        bool, typer.Option("--rates", help="Compare the modelled clock with the documented speeds.")
    ] = False,
    chip: Annotated[str | None, typer.Option("--soc", help="One chip; by default all.")] = None,
) -> None:
    """Show the simulated chips. All figures are modelled."""
    chips = [soc(chip)] if chip else list(CHIPS.values())
    if rates:
        typer.echo(render_rates(compare(s, f) for s in chips for f in FIGURES if f.chip == s.name))
    else:
        typer.echo(render_chips(chips))
