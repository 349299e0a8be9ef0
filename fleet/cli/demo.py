"""`fleet demo`: Fleet from end to end, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.cli.options import packaged_job
from fleet.demo.check import check_packages, cores
from fleet.demo.plan import Demo

DEVICES = 2


def demo(
    output: Annotated[Path, typer.Option(help="The folder for all of it.")] = Path("build/demo"),
    model: Annotated[
        Path | None, typer.Option(help="A network that says how it is read; default: Fleet's own.")
    ] = None,
    cameras: Annotated[int, typer.Option(help="How many cameras, one clip each.")] = 4,
    seconds: Annotated[float, typer.Option(help="How long each clip is.")] = 45.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = 7,
) -> None:
    """Render a street, find who is on it, and tell how much of that is true.

    Runs on simulated devices, needs the extra [demo], and fetches nothing. What is there already is
    left as it is.
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
    )
    from fleet.demo.run import run_demo  # noqa: PLC0415 - of an optional extra, and slow to load

    try:
        code = run_demo(plan)
    except KeyboardInterrupt:
        way_out = "What is done is kept; to go on, run the same command again."
        typer.echo(f"fleet: interrupted. {way_out}", err=True)
        code = EXIT_FAILED
    raise typer.Exit(code)
