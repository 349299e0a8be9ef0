"""`fleet export`: what was found, in the form that another tool reads."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import datetime
from typing import Annotated, cast, get_args

import typer

from fleet.cli.codes import EXIT_FAILED
from fleet.cli.output_folder import AsJson, Output, check_folder_name, counting_several, print_json
from fleet.cli.seconds import seconds
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.missing import Where
from fleet.export.picture_job import JPG, PNG
from fleet.export.run import ANYWHERE, Exporting, Watching, export_output
from fleet.job.fields import Place
from fleet.storage import parse_moment
from fleet.views.export import render

_FORMATS = "coco, yolo, mot, cvat, labelstudio, megadetector, csv, jsonl"
_SUFFIXES = {"jpg": JPG, "png": PNG}

Labels = Annotated[list[str] | None, typer.Option("--label", help="Only these; repeatable.")]
MinScore = Annotated[float, typer.Option(help="Only boxes with at least this score.")]
Cameras = Annotated[
    list[str] | None,
    typer.Option("--camera", help="Only these in the column camera; repeatable."),
]
Uris = Annotated[
    list[str] | None, typer.Option("--uri", help="Only videos that match this glob; repeatable.")
]
FromS = Annotated[
    str | None, typer.Option("--from", metavar="SECONDS", help="In each video: from here on.")
]
ToS = Annotated[
    str | None, typer.Option("--to", metavar="SECONDS", help="In each video: before this.")
]
Since = Annotated[
    str | None, typer.Option(metavar="ISO", help="By the wall clock: from this time on.")
]
Until = Annotated[
    str | None, typer.Option(metavar="ISO", help="By the wall clock: before this time.")
]


def export(  # noqa: PLR0917 - Typer calls it by names
    output: Output,
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help=f"{_FORMATS}.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="A new folder; a path or URL.")],
    label: Labels = None,
    min_score: MinScore = 0.0,
    camera: Cameras = None,
    uri: Uris = None,
    every: Annotated[
        int, typer.Option(min=1, help="Each N-th of the frames that were looked at.")
    ] = 1,
    from_: FromS = None,
    to: ToS = None,
    since: Since = None,
    until: Until = None,
    found_only: Annotated[
        bool, typer.Option("--found-only", help="Only frames in which something was found.")
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Write the pictures of the frames, too.")
    ] = False,
    picture_format: Annotated[
        str, typer.Option(metavar="jpg|png", help="jpg, made by JPEGE; png keeps every bit.")
    ] = "jpg",
    val_share: Annotated[
        float, typer.Option(help="For yolo: the share of videos to validate with.")
    ] = 0.0,
    devices: Annotated[
        str, typer.Option(metavar="N|auto", help="How many devices make the pictures.")
    ] = "auto",
    on: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Where these live, as of `fleet run`; auto: few pictures are made right here.",
        ),
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Write frames and boxes in the form of another tool, and the pictures with --images.

    The same command again goes on where it was interrupted: pictures that are there stay.
    """
    check_folder_name(out)
    where = _where(devices, on)
    if where != ANYWHERE and not images:
        raise UsageError("--devices and --on are for pictures.", "Say --images, too.")
    suffix = suffix_of(picture_format)
    choice = choice_of(label, min_score, camera, uri, from_, to, since, until)
    choice = replace(choice, every=every, found_only=found_only)
    asked = Exporting(format_, choice, images, suffix, val_share)
    # What evicts an export, such as systemd, sends SIGTERM: it ends as by Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with counting_several() as on_progress:
            watching = Watching(on_progress, lambda text: typer.echo(text, err=True))
            done = export_output(output, out, asked, where, watching)
    except KeyboardInterrupt:
        way_out = "What is written stays; run the same command again to continue."
        typer.echo(f"fleet: interrupted. {way_out}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        print_json(done)
    else:
        typer.echo(render(done))


def _where(devices: str, on: str) -> Where:
    """Return where pictures are to be made; raises UsageError."""
    if on not in (places := get_args(Place)):
        raise UsageError(f"Pictures are not made on {on!r}.", f"Say {', '.join(places)}.")
    if devices == "auto":
        return Where(on=cast("Place", on))
    if not devices.isdecimal():
        raise UsageError(f"--devices {devices} is no number.", "It is 1 or more, or auto.")
    return Where(int(devices), cast("Place", on))


def suffix_of(picture_format: str) -> str:
    """Return how names of pictures end by the value of --picture-format; raises UsageError."""
    if picture_format not in _SUFFIXES:
        message = f"--picture-format {picture_format} is neither jpg nor png."
        raise UsageError(message, "Choose one of them.")
    return _SUFFIXES[picture_format]


def choice_of(
    label: list[str] | None,
    min_score: float,
    camera: list[str] | None,
    uri: list[str] | None,
    from_: str | None,
    to: str | None,
    since: str | None,
    until: str | None,
) -> Choice:
    """Return what the options of `fleet export` and `fleet clips` choose; raises UsageError."""
    return Choice(
        labels=tuple(label or ()),
        min_score=min_score,
        cameras=tuple(camera or ()),
        uris=tuple(uri or ()),
        from_s=None if from_ is None else seconds(from_, "--from"),
        to_s=None if to is None else seconds(to, "--to"),
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
    )


def _moment(text: str | None, option: str) -> datetime | None:
    """Return the time of an option, in UTC where it names no zone; raise UsageError for others."""
    try:
        return None if text is None else parse_moment(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None
