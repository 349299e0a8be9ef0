"""`fleet clips`: cut out the stretches in which something was found."""

from __future__ import annotations

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
)
from fleet.cli.options import seconds
from fleet.cli.output_folder import AsJson, Output, counting, print_json
from fleet.export.clips.run import Cutting, cut_clips
from fleet.views.export import render_clips


def clips(  # noqa: PLR0917 - Typer calls it by names
    output: Output,
    out: Annotated[str, typer.Option(metavar="DIR", help="A new folder; a path or URL.")],
    label: Labels = None,
    min_score: MinScore = 0.0,
    pad: Annotated[
        str, typer.Option(metavar="SECONDS", help="Before the first and after the last find.")
    ] = "2",
    merge: Annotated[
        str, typer.Option(metavar="SECONDS", help="Stretches with no longer a pause are one.")
    ] = "2",
    exact: Annotated[
        bool, typer.Option("--exact", help="Encode anew, to begin and end at the very frames.")
    ] = False,
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
    out. The same command again cuts only what is not there.
    """
    choice = choice_of(label, min_score, camera, uri, from_, to, since, until)
    asked = Cutting(choice, seconds(pad, "--pad"), seconds(merge, "--merge"), exact)
    with counting("videos") as on_progress:
        done = cut_clips(output, out, asked, on_progress)
    if as_json:
        print_json(done)
    else:
        typer.echo(render_clips(done))
