"""`fleet clips`: cut out the stretches in which something was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from fleet.cli.export import (
    Cameras,
    FromS,
    Labels,
    MinScore,
    Since,
    ToS,
    Until,
    Uris,
    choice_of,
    suffix_of,
)
from fleet.cli.output_folder import AsJson, Output, check_folder_name, counting, print_json
from fleet.cli.seconds import seconds
from fleet.errors import UsageError
from fleet.export.clips.crops import Cropped, Cropping, cut_crops
from fleet.export.clips.run import Cut, Cutting, cut_clips
from fleet.views.export import render_cut

_PAD = _MERGE = "2"


def clips(  # noqa: PLR0917 - Typer calls it by names
    output: Output,
    out: Annotated[str, typer.Option(metavar="DIR", help="A new folder; a path or URL.")],
    label: Labels = None,
    min_score: MinScore = 0.0,
    pad: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS", help="Before the first and after the last find.", show_default=_PAD
        ),
    ] = None,
    merge: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Stretches with no longer a pause are one.",
            show_default=_MERGE,
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Encode anew, to begin and end at the very frames.")
    ] = False,
    crops: Annotated[
        bool, typer.Option("--crops", help="Cut out the boxes instead, a picture each.")
    ] = False,
    expand: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Of crops: so much of a box's sides more on each side.",
            show_default="0",
        ),
    ] = None,
    picture_format: Annotated[
        str | None,
        typer.Option(metavar="jpg|png", help="Of crops; png keeps every bit.", show_default="jpg"),
    ] = None,
    camera: Cameras = None,
    uri: Uris = None,
    from_: FromS = None,
    to: ToS = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Cut out the stretches of videos in which something was found, and list them in clips.csv.

    Packets are copied as they are, by whole GOPs, so that clips begin at key frames; sound is left
    out. With --crops: each box from its frame, and crops.csv. Again, only what is missing is cut.
    """
    check_folder_name(out)
    choice = choice_of(label, min_score, camera, uri, from_, to, since, until)
    of_clips = {"--pad": pad, "--merge": merge, "--exact": exact or None}
    of_crops = {"--expand": expand, "--picture-format": picture_format}
    _refuse(of_clips if crops else of_crops, "is for clips" if crops else "is for --crops")
    with counting("videos") as on_progress:
        if crops:
            asked = Cropping(
                choice,
                expand or 0.0,
                suffix_of("jpg" if picture_format is None else picture_format),
            )
            done: Cut | Cropped = cut_crops(output, out, asked, on_progress)
        else:
            pad_s, merge_s = (
                seconds(_PAD if pad is None else pad, "--pad"),
                seconds(_MERGE if merge is None else merge, "--merge"),
            )
            done = cut_clips(output, out, Cutting(choice, pad_s, merge_s, exact), on_progress)
    if as_json:
        print_json(done)
    else:
        typer.echo(render_cut(done))


def _refuse(options: Mapping[str, object], why: str) -> None:
    """Raise UsageError where one of some options is given, which nothing would read."""
    if given := [name for name, value in options.items() if value is not None]:
        raise UsageError(f"{given[0]} {why}.", "Leave one of the two out.")
