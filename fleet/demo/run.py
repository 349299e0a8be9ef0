"""The steps of a demo, one after the other; what an earlier demo has made is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from fleet.ascend.soc import soc
from fleet.core.format import duration, plural
from fleet.demo.check import check_folder, check_room, cores
from fleet.demo.plan import CAMERA, CHIP, SAMPLE, SURE, THRESHOLD, Demo
from fleet.demo.query import busiest
from fleet.demo.record import claim, conclude
from fleet.demo.sheet import A_CAMERA, TILE_PX, contact_sheet
from fleet.driver.api import run as run_job
from fleet.driver.report import RunReport
from fleet.evaluate.curves import draw_curves
from fleet.evaluate.report import render as render_scores
from fleet.evaluate.run import evaluate_output
from fleet.job.job_file import load_job
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model, describe
from fleet.models.external_data import read_network
from fleet.report.build import Asked, make_report
from fleet.storage import Folder
from fleet.street.archive import Shot, plan_archive, render_archive
from fleet.table.state.read import read
from fleet.views.clean_console import CleanConsole
from fleet.views.live import show_progress
from fleet.views.summary import render as render_report
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
    _render(demo, shots)
    _compile(demo)
    report = _detect(demo)
    if report.exit_code:
        return report.exit_code
    results = [step(demo) for step in (_measure, _ask, _draw, _report, _where)]
    conclude(demo, "\n".join([*results, kept]))
    typer.echo(closer)
    typer.echo(f"\nTook {duration(time.monotonic() - started_s)}.")
    return 0


def _render(demo: Demo, shots: tuple[Shot, ...]) -> None:
    asked = f"--cameras {demo.cameras} --seconds {demo.seconds:g} --seed {demo.seed}"
    _head(1, "A street archive, rendered", f"street --output {_near(demo.archive)} {asked}")
    for outcome in render_archive(shots, cores()):
        clip = outcome.shot.clip
        state = "" if outcome.drawn else "  (there already)"
        typer.echo(
            f"  {outcome.shot.camera}  {clip.size!s:>9}  {clip.coding.codec}  {clip.light}, "
            f"{clip.weather}, {clip.density}: {clip.frames} frames, "
            f"{outcome.figures:,} figures{state}"
        )


def _compile(demo: Demo) -> None:
    to = _near(demo.model.with_suffix(""))
    _head(2, "A detector, compiled", f"compile {_near(demo.onnx)} --output {to}")
    network = read_network(str(demo.onnx))
    compiled = compile_model(network, name=demo.model.stem, soc=soc(CHIP))
    Folder(str(demo.folder)).put(demo.model.name, compiled)
    typer.echo(_indented(describe(read_card(compiled, str(demo.model)))))


def _detect(demo: Demo) -> RunReport:
    settings = {"sample": SAMPLE, "devices": demo.devices, "partitions": CAMERA}
    settings |= {"model": str(demo.model), "threshold": THRESHOLD}
    words = [
        f"run {_near(demo.detect)} --input {_near(demo.archive)} --model {_near(demo.model)}",
        f"--output {_near(demo.detections)} --sample {SAMPLE} --devices {demo.devices}",
        f"--set threshold={THRESHOLD:g} --set 'partitions=\"{CAMERA}\"'",
    ]
    _head(3, f"The job detect, on {plural(demo.devices, 'device')}", *words)
    if demo.devices == 1:
        typer.echo("  One processor core, so one device: it takes about twice as long.")
    with show_progress(CleanConsole(stderr=True)) as observer:
        job = load_job(demo.detect, _job(demo, demo.detections, settings))
        report = run_job(job, observer=observer)
    typer.echo(f"\n{_indented(render_report(report, fleet=started_as()))}")
    return report


def _measure(demo: Demo) -> str:
    words = f"eval {_near(demo.detections)} --truth {_near(demo.truth)}"
    head = _head(4, "Held against the truth", words, f"--plots {_near(demo.curves)}")
    scene, evaluation = evaluate_output(read(str(demo.detections)), str(demo.truth))
    folder = Folder(str(demo.curves))
    for name, png in draw_curves(evaluation):
        folder.put(name, png)
    return _said(head, render_scores(scene, evaluation))


def _ask(demo: Demo) -> str:
    head = _head(5, f"A question in SQL, about boxes with a score of {SURE:g} or more")
    sql, answer = busiest(demo.detections)
    return _said(head, f"{sql}\n\n{answer.rstrip()}")


def _draw(demo: Demo) -> str:
    # A third of a clip at 12 frames/s; an even number, so that the job detect looked there too.
    step = 2 * max(1, round(12 * demo.seconds / A_CAMERA / 2))
    settings = {"sample": f"every={step}", "devices": 1, "partitions": CAMERA, "width": TILE_PX}
    words = [
        f"run {_near(demo.thumbnails)} --input {_near(demo.archive)} --sample every={step}",
        f"--output {_near(demo.pictures)} --on inline --set width={TILE_PX}",
        f"--set 'partitions=\"{CAMERA}\"'",
    ]
    head = _head(6, "A contact sheet, through the VPC and the JPEGE", *words)
    run_job(load_job(demo.thumbnails, _job(demo, demo.pictures, settings)), on="inline")
    sheet = contact_sheet(read(str(demo.pictures)), str(demo.detections), SURE)
    Folder(str(demo.folder)).put(demo.sheet.name, sheet)
    return _said(head, str(_near(demo.sheet)))


def _report(demo: Demo) -> str:
    words = f"report {_near(demo.detections)} --threshold {SURE:g} --out {_near(demo.report)}"
    head = _head(7, "All of it on one page, to look at and to mail", words)
    made = make_report(Asked(str(demo.detections), threshold=SURE))
    Folder(str(demo.folder)).put(demo.report.name, made.html)
    return _said(head, made.said(str(_near(demo.report))))


def _where(demo: Demo) -> str:
    places = {
        demo.archive: "videos, a folder a camera",
        demo.truth: "what is to be seen in them, in the schema of detections/",
        demo.model: "the compiled detector",
        demo.detections: "the job's tables: detections/, frames/, errors/",
        demo.curves: "precision over recall, drawn",
        demo.pictures: "JPEGs of some frames, as a table",
        demo.sheet: "the contact sheet: look at it",
        demo.report: "the report: open it in a browser",
    }
    wide = max(len(str(_near(path))) for path in places)
    lines = [f"{_near(path)!s:<{wide}}  {about}" for path, about in places.items()]
    typer.echo("\nWhere everything lies\n")
    return _said("Where everything lies", "\n".join(lines))


def _closer(shot: Shot, demo: Demo, fleet: str) -> str:
    """Return what to type next; `fleet`: the words that start the command."""
    words = (
        f"show {_near(demo.detections)} --uri {shot.video.name} --at {round(demo.seconds / 3, 1):g}"
    )
    to = f"--to {round(demo.seconds / 2, 1):g} --out {_near(demo.folder)}/stretch.mp4"
    return f"\nTo look closer\n\n  $ {fleet} {words} \\\n      {to}"


def _job(demo: Demo, output: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"input": [str(demo.archive)], "output": str(output), "soc": CHIP, **settings}


def _head(number: int, title: str, *command: str) -> str:
    """Print a title and the command that does the same, and return the title."""
    words = " \\\n      ".join(command)
    typer.echo(f"\n{number}. {title}\n" + (f"  $ {started_as()} {words}\n" if command else ""))
    return title


def _said(title: str, text: str) -> str:
    """Print the result of a step; return what a second demo prints of it."""
    typer.echo(_indented(text))
    return f"\n{title}\n\n{_indented(text)}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())


def _near(path: Path) -> Path:
    """Return a path relative to the current folder where it lies in it."""
    here = Path(os.path.abspath("."))  # noqa: PTH100 - keeps links
    return path.relative_to(here) if path.is_relative_to(here) else path
