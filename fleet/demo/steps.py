"""The steps of a demo after the rendering; what an earlier demo has made is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from fleet.ascend.soc import soc
from fleet.core.format import plural
from fleet.demo.measure import measure
from fleet.demo.plan import CAMERA, CHIP, SAMPLE, SURE, THRESHOLD, Demo
from fleet.demo.query import busiest
from fleet.demo.record import conclude
from fleet.demo.sheet import A_CAMERA, TILE_PX, contact_sheet
from fleet.demo.words import head, indented, near, said, typed
from fleet.driver.api import run as run_job
from fleet.driver.report import RunReport
from fleet.index_cache.store import INDEX_FOLDER
from fleet.job.job_file import load_job
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model, describe
from fleet.models.external_data import read_network
from fleet.report.build import Asked, make_report
from fleet.storage import Folder
from fleet.street.render_pool import render_pool
from fleet.table.state.read import read
from fleet.views.clean_console import CleanConsole
from fleet.views.live import show_progress
from fleet.views.summary import render as render_report
from fleet.views.typed import started_as


def after_rendering(demo: Demo, closer: str) -> int:
    """Go through the steps after the rendering, and return the exit code of the job.

    `closer`: what a second demo, which has nothing to do, prints last.
    """
    _compile(demo)
    report = _detect(demo)
    if report.exit_code:
        return report.exit_code
    conclude(demo, "\n".join([*_look(demo), closer]))
    return 0


def _compile(demo: Demo) -> None:
    to = typed(demo.model.with_suffix(""))
    size = f" --size {demo.size}" if demo.size else ""
    head(2, "A detector, compiled", f"compile {typed(demo.onnx)}{size} --output {to}")
    network = read_network(str(demo.onnx))
    compiled = compile_model(network, name=demo.model.stem, soc=soc(CHIP), size=demo.size)
    Folder(str(demo.folder)).put(demo.model.name, compiled)
    typer.echo(indented(describe(read_card(compiled, str(demo.model)))))


def _detect(demo: Demo) -> RunReport:
    settings = {"sample": SAMPLE, "devices": demo.devices, "partitions": CAMERA}
    settings |= {"model": str(demo.model), "threshold": THRESHOLD}
    words = [
        f"run {typed(demo.detect)} --input {typed(demo.archive)} --model {typed(demo.model)}",
        f"--output {typed(demo.detections)} --sample {SAMPLE} --devices {demo.devices}",
        f"--set threshold={THRESHOLD:g} --set 'partitions=\"{CAMERA}\"'",
    ]
    head(3, f"The job detect, on {plural(demo.devices, 'device')}", *words)
    if demo.devices == 1:
        typer.echo("  One processor core, so one device: it takes about twice as long.")
    with show_progress(CleanConsole(stderr=True)) as observer:
        job = load_job(demo.detect, _job(demo, demo.detections, settings))
        report = run_job(job, observer=observer)
    typer.echo(f"\n{indented(render_report(report, fleet=started_as()))}")
    return report


def _look(demo: Demo) -> Iterator[str]:
    """Go through the steps that look at the result, and yield what a second demo prints of each."""
    words = f"eval {typed(demo.detections)} --truth {typed(demo.truth)}"
    title = head(4, "Held against the truth", words, f"--plots {typed(demo.curves)}")
    with render_pool(1, "compares detections") as beside:
        # On one core, the evaluation takes as long as the other steps take together.
        paths = demo.detections, demo.truth, demo.curves
        scores = beside.submit(measure, *map(str, paths))
        asked = beside.submit(busiest, str(demo.detections), SURE)
        _draw(demo)
        made = make_report(Asked(str(demo.detections), threshold=SURE))
        Folder(str(demo.folder)).put(demo.report.name, made.html)
        yield said(title, scores.result())
        sql, answer = asked.result()
    title = head(5, f"A question in SQL, about boxes with a score of {SURE:g} or more")
    yield said(title, f"{sql}\n\n{answer.rstrip()}")
    title = head(6, "A contact sheet, through the VPC and the JPEGE", *_drawing(demo))
    yield said(title, str(near(demo.sheet)))
    words = f"report {typed(demo.detections)} --threshold {SURE:g} --out {typed(demo.report)}"
    title = head(7, "All of it on one page, to look at and to mail", words)
    yield said(title, made.said(str(near(demo.report))))
    yield _where(demo)


def _every(demo: Demo) -> str:
    # A third of a clip at 12 frames/s; an even number, so that the job detect looked there too.
    return f"every={2 * max(1, round(12 * demo.seconds / A_CAMERA / 2))}"


def _indexes(demo: Demo) -> Path:
    # The job detect has looked at the same videos.
    return demo.detections / INDEX_FOLDER


def _drawing(demo: Demo) -> tuple[str, ...]:
    return (
        f"run {typed(demo.thumbnails)} --input {typed(demo.archive)} --sample {_every(demo)}",
        f"--output {typed(demo.pictures)} --on inline --set width={TILE_PX}",
        f"--index-cache {typed(_indexes(demo))} --set 'partitions=\"{CAMERA}\"'",
    )


def _draw(demo: Demo) -> None:
    settings = {"sample": _every(demo), "devices": 1, "partitions": CAMERA, "width": TILE_PX}
    settings["index_cache"] = str(_indexes(demo))
    run_job(load_job(demo.thumbnails, _job(demo, demo.pictures, settings)), on="inline")
    sheet = contact_sheet(read(str(demo.pictures)), read(str(demo.detections)), SURE)
    Folder(str(demo.folder)).put(demo.sheet.name, sheet)


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
    wide = max(len(str(near(path))) for path in places)
    lines = [f"{near(path)!s:<{wide}}  {about}" for path, about in places.items()]
    typer.echo("\nWhere everything lies\n")
    return said("Where everything lies", "\n".join(lines))


def _job(demo: Demo, output: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"input": [str(demo.archive)], "output": str(output), "soc": CHIP, **settings}
