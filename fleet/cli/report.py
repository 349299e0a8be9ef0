"""`fleet report`: an output as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.options import PricePerDeviceHour
from fleet.cli.output_folder import Output, check_name, put_file


def report(
    output: Output,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the page goes.")] = Path(
        "report.html"
    ),
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Boxes of this score count as sure; default: the job's."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the pictures.")] = 0,
    price_per_device_hour: PricePerDeviceHour = None,
) -> None:
    """Write what a job covered, found and took as one HTML file that opens offline.

    It holds pictures from the videos, so that these have to be readable; at most 8 MB.
    """
    check_name(out, "text/html", "a page of HTML", "report.html")
    # It loads a template engine, and what decodes.
    from fleet.report.build import Asked, make_report  # noqa: PLC0415

    made = make_report(Asked(output, threshold, seed, price_per_device_hour))
    put_file(out, made.html)
    typer.echo(made.said(str(out)))
