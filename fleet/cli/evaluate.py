"""`fleet eval`: compare an output with the truth."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.errors import UsageError
from fleet.evaluate.report import render
from fleet.storage import Folder
from fleet.table.state.read import read

NEEDED = {"faster_coco_eval", "matplotlib"}
"""The packages of the extra [eval]."""


def evaluate(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="An output folder of a job.")],
    truth: Annotated[
        str, typer.Option(help="Parquet in the schema of detections/, a file or a folder.")
    ],
    plots: Annotated[
        str | None, typer.Option(help="Where the curves go; default: OUTPUT-eval.")
    ] = None,
) -> None:
    """Print how good the detections are: AP@0.5 and AP@0.5:0.95, with precision-recall curves.

    The truth may have a bool column ignore (neither hit nor miss) and columns light and camera.
    """
    try:
        from fleet.evaluate.curves import draw_curves  # noqa: PLC0415 - of an optional extra
        from fleet.evaluate.run import evaluate_output  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        raise UsageError(
            f"`fleet eval` needs {error.name}, which is not installed.",
            "Install the extra that brings it: pip install 'ascend-fleet[eval]'.",
        ) from error

    tables = read(output)
    scene, evaluation = evaluate_output(tables, truth)
    typer.echo(f"{tables.uri} against {truth}")
    if not tables.finished:
        typer.echo("The job is not finished: this is of what is committed so far.")
    typer.echo(f"\n{render(scene, evaluation)}\n")
    folder = Folder(plots or f"{tables.uri}-eval")
    for name, png in draw_curves(evaluation):
        folder.put(name, png)
        typer.echo(f"  {folder.uri}/{name}")
