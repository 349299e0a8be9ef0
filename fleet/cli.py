"""The `fleet` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import fleet
from fleet.ascend.soc import soc as chip
from fleet.errors import FleetError, JobFailed, UsageError, VideoError
from fleet.geometry import Size
from fleet.job import Job, load_job, parse_override
from fleet.models.card import read_card
from fleet.models.compile import compile_model, describe, read_labels
from fleet.models.insert_op import parse_insert_op
from fleet.storage import expand, read_file, read_text

EXIT_FAILED, EXIT_USAGE, EXIT_ERRORS = 1, 2, 3

app = typer.Typer(
    name="fleet",
    help="Run a detector over an archive of videos, into one exact Parquet table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"fleet {fleet.__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run a detector over an archive of videos, into one exact Parquet table."""
    del version


@app.command()
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
        typer.echo("fleet: interrupted before any work began.", err=True)
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


@app.command("index")
def index_videos(
    uris: Annotated[list[str], typer.Argument(metavar="URI...", help="Videos, folders, globs.")],
) -> None:
    """Print what a video's header (or a scan of it) tells: stream, frames, GOPs."""
    from fleet.driver.prepare import index_video  # noqa: PLC0415 - libav takes a while to load
    from fleet.video.describe import describe as describe_index  # noqa: PLC0415

    failed = 0
    for number, source in enumerate(expand(uris).sources):
        try:
            text = describe_index(index_video(source))
        except VideoError as error:
            failed += 1
            typer.echo(f"fleet: {error}", err=True)
            continue
        typer.echo(f"{chr(10) if number else ''}{text}")
    if failed:
        raise typer.Exit(EXIT_ERRORS)


@app.command("compile")
def compile_command(
    model: Annotated[str, typer.Argument(metavar="MODEL.onnx")],
    head: Annotated[str, typer.Option(help="How its output is read: fastestdet, yolov8.")],
    labels: Annotated[str, typer.Option(help="A file of class labels, one a line.")],
    output: Annotated[str, typer.Option(help="The path to write, without .om.")],
    size: Annotated[
        str | None, typer.Option(help="320x320, where the model leaves it open.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pictures at a time, where the model leaves it open.")
    ] = None,
    aipp: Annotated[
        str | None, typer.Option(help="An AIPP file as ATC's --insert_op_conf takes it.")
    ] = None,
    soc: Annotated[str, typer.Option(help="The chip to compile for.")] = "Ascend310",
) -> None:
    """Compile an ONNX model into NAME.om, as ATC would (simulated)."""
    configuration, remarks = parse_insert_op(read_text(aipp)) if aipp else (None, ())
    compiled = compile_model(
        read_file(model),
        head=head,
        labels=read_labels(read_text(labels), labels),
        name=Path(output).name,
        soc=chip(soc),
        size=_size(size),
        batch=batch,
        aipp=configuration,
    )
    path = Path(f"{output}.om")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compiled)
    typer.echo(describe(read_card(compiled, str(path))))
    for remark in remarks:
        typer.echo(f"  {'AIPP file':<12}{remark}")
    typer.echo(f"  {'written':<12}{path}, {len(compiled):,} bytes")


def _size(text: str | None) -> Size | None:
    try:
        return Size.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--size {text}: {error}.") from None


def main() -> None:
    """Run the command; errors of ours are a paragraph on stderr, never a traceback."""
    try:
        app()
    except UsageError as error:
        sys.exit(_complain(error, EXIT_USAGE))
    except FleetError as error:
        sys.exit(_complain(error, EXIT_FAILED))


def _complain(error: FleetError, code: int) -> int:
    kind = "the job failed" if isinstance(error, JobFailed) else "error"
    print(f"fleet: {kind}: {error}", file=sys.stderr)  # noqa: T201 - this is the command's voice
    return code


if __name__ == "__main__":
    main()
