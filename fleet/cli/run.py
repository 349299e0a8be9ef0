"""`fleet run`: a job over videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import fleet
from fleet.cli.codes import EXIT_FAILED
from fleet.job import Job, load_job, parse_override


def run(
    job_file: Annotated[
        Path | None, typer.Argument(metavar="[JOB.toml]", help="A job file; default: detect.")
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="A video, folder or glob; repeatable.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A compiled model (.om).")] = None,
    output: Annotated[str | None, typer.Option(help="Where the tables go.")] = None,
    sample: Annotated[
        str | None, typer.Option(help="all, every=N, fps=X, keyframes; ,from_s=X ,to_s=X")
    ] = None,
    devices: Annotated[str | None, typer.Option(help="How many, or auto.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for any field; repeatable.")
    ] = None,
    inline: Annotated[
        bool, typer.Option("--inline", help="All devices in this process, without Ray.")
    ] = False,
) -> None:
    """Run a job over videos.

    Exit code: 0 all there; 3 finished, with errors recorded in errors/; 2 bad usage; 1 failed or
    interrupted. The same command again does only what is missing.
    """
    overrides = dict(parse_override(text) for text in settings or [])
    named = {
        "input": inputs,
        "model": model,
        "output": output,
        "sample": sample,
        "devices": _devices(devices),
    }
    overrides.update({key: value for key, value in named.items() if value is not None})
    job = load_job(job_file or packaged_job("detect.toml"), overrides)
    raise typer.Exit(_run(job, inline=inline))


def _run(job: Job, *, inline: bool) -> int:
    # Ray's client takes a second to import; the other commands do without it.
    from fleet.driver.api import run as run_job  # noqa: PLC0415
    from fleet.observe.show import show_progress  # noqa: PLC0415
    from fleet.observe.summary import render  # noqa: PLC0415

    try:
        with show_progress(Console(stderr=True)) as observer:
            report = run_job(job, on="inline" if inline else "ray", observer=observer)
    except KeyboardInterrupt:
        way_out = "What is committed is kept; to go on, run the same command again."
        typer.echo(f"fleet: interrupted. {way_out}", err=True)
        return EXIT_FAILED
    typer.echo(render(report))
    return report.exit_code


def _devices(text: str | None) -> Any:
    return int(text) if text is not None and text.isdecimal() else text


def packaged_job(name: str) -> Path:
    """Find a job file that comes with Fleet: inside the package, or beside it in a checkout."""
    package = Path(fleet.__file__).parent
    inside = package / "jobs" / name
    return inside if inside.is_file() else package.parent / "jobs" / name
