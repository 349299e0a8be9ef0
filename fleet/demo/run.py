"""A demo from end to end: what is made and where, the rendering, and the steps after it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import ModuleType

import typer

from fleet.core.format import duration
from fleet.demo.check import check_folder, check_room, cores
from fleet.demo.plan import Demo
from fleet.demo.record import claim
from fleet.demo.words import head, typed
from fleet.loading import loading
from fleet.parquet.arrays import forgo_pandas
from fleet.street.archive import Shot, plan_archive, render_archive
from fleet.views.typed import USUAL, started_as


def run_demo(demo: Demo) -> int:
    """Go through the steps and return the exit code of the job.

    Raises UsageError where the folder cannot be used, before anything is made.
    """
    started_s = time.monotonic()
    shots = plan_archive(demo.archive, demo.cameras, demo.seconds, demo.seed)
    check_folder(demo.folder)
    kept, closer = (_closer(shots[-1], demo, words) for words in (USUAL, started_as()))
    result = claim(demo)
    if result and all(shot.is_rendered for shot in shots):
        typer.echo(f"Nothing is left to do: {demo.folder} holds the whole demo.")
        # The command may have been started otherwise then.
        typer.echo(result.replace(kept, closer))
        return 0
    check_room(demo.folder, demo.cameras * demo.seconds)
    typer.echo("Fleet from end to end on this machine: nothing is fetched, devices are simulated.")
    with ThreadPoolExecutor(1) as loader:
        # What the later steps need takes a second or two to load: long enough to do meanwhile.
        steps = loader.submit(load_steps)
        _render(demo, shots)
        code = int(steps.result().after_rendering(demo, kept))
    if not code:
        typer.echo(closer)
        typer.echo(f"\nTook {duration(time.monotonic() - started_s)}.")
    return code


def load_steps() -> ModuleType:
    """Load and return the module of the later steps."""
    forgo_pandas()
    with loading():
        return import_module("fleet.demo.steps")


def _render(demo: Demo, shots: tuple[Shot, ...]) -> None:
    asked = f"--cameras {demo.cameras} --seconds {demo.seconds:g} --seed {demo.seed}"
    head(1, "A street archive, rendered", f"street --output {typed(demo.archive)} {asked}")
    for outcome in render_archive(shots, cores()):
        clip = outcome.shot.clip
        state = "" if outcome.drawn else "  (there already)"
        typer.echo(
            f"  {outcome.shot.camera}  {clip.size!s:>9}  {clip.coding.codec}  {clip.light}, "
            f"{clip.weather}, {clip.density}: {clip.frames} frames, "
            f"{outcome.figures:,} figures{state}"
        )


def _closer(shot: Shot, demo: Demo, fleet: str) -> str:
    """Return what to type next; `fleet`: the words that start the command."""
    words = (
        f"show {typed(demo.detections)} --uri {shot.video.name} --at {round(demo.seconds / 3, 1):g}"
    )
    to = f"--to {round(demo.seconds / 2, 1):g} --out {typed(demo.folder / 'stretch.mp4')}"
    return f"\nTo look closer\n\n  $ {fleet} {words} \\\n      {to}"
