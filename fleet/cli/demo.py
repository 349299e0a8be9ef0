"""`fleet demo`: Fleet from end to end on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.demo.check import check_packages, cores
from fleet.demo.plan import WIDE, Demo
from fleet.job.toml_text import packaged_job
from fleet.loading import loading

DEVICES = 2


def demo(
    output: Annotated[Path, typer.Option(help="The folder for everything.")] = Path("build/demo"),
    model: Annotated[
        Path | None,
        typer.Option(help="An ONNX network that names its head; default: Fleet's own."),
    ] = None,
    cameras: Annotated[int, typer.Option(help="How many cameras, one clip each.")] = 4,
    seconds: Annotated[float, typer.Option(help="How long each clip is.")] = 45.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = 7,
) -> None:
    """Render a street, detect the people and vehicles on it, and compare them with the truth.

    The devices are simulated, and nothing is downloaded. What an earlier demo has made is kept.
    Needs the extra called demo.
    """
    check_packages()
    plan = Demo(
        folder=output,
        onnx=model or packaged_job("street/street.onnx"),
        detect=packaged_job("detect.toml"),
        thumbnails=packaged_job("thumbnails.toml"),
        cameras=cameras,
        seconds=seconds,
        seed=seed,
        devices=min(DEVICES, cores()),
        # Another network may have been made for one size alone.
        size=None if model else WIDE,
    )
    with loading():
        from fleet.demo.run import run_demo  # noqa: PLC0415 - of an optional extra, slow to load

    try:
        code = run_demo(plan)
    except KeyboardInterrupt:
        way_out = "What is done is kept; run the same command again to continue."
        typer.echo(f"fleet: interrupted. {way_out}", err=True)
        code = EXIT_FAILED
    raise typer.Exit(code)
