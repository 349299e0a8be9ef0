"""The command `fleet street`."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from fleet.errors import UsageError


def street(
    output: Annotated[Path, typer.Option(help="The folder for the clips and their truth.")],
    cameras: Annotated[int, typer.Option(help="How many cameras, one clip each.")] = 4,
    seconds: Annotated[float, typer.Option(help="How long each clip is.")] = 45.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = 7,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many at a time; default: one a processor core.")
    ] = None,
) -> None:
    """Render a synthetic street archive: videos of fixed cameras, and the truth about them.

    Clips that exist already are kept.
    """
    if find_spec("cv2") is None:
        raise UsageError(
            "Drawing a street needs OpenCV, which is not installed.",
            "Install it with: pip install 'ascend-fleet[street]'.",
        )
    # OpenCV is an extra: the other commands do without it.
    from fleet.street.archive import plan_archive, render_archive  # noqa: PLC0415

    started_s = time.monotonic()
    shots = plan_archive(output, cameras, seconds, seed)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for outcome in render_archive(shots, processes or cores or 1):
        clip = outcome.shot.clip
        state = "rendered" if outcome.drawn else "there already"
        typer.echo(
            f"{outcome.shot.video}  {clip.size}  {clip.frames} frames  {clip.coding.codec}  "
            f"{clip.light}, {clip.weather}, {clip.density}  {outcome.figures:,} figures  {state}"
        )
    took_s = time.monotonic() - started_s
    typer.echo(f"Truth: {shots[0].truth.parent}. Took {took_s:.1f} s.")
