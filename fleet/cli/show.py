"""`fleet show`: draw on the frames what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.output_folder import put_file
from fleet.cli.seconds import seconds
from fleet.errors import UsageError
from fleet.show.video import open_recorded, picture, stretch


def show(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="An output folder of a job.")],
    uri: Annotated[str, typer.Option(help="The video: its location, or its file name.")],
    at: Annotated[str, typer.Option(metavar="SECONDS", help="The time from its first frame.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="one.png for a frame, stretch.mp4 for a stretch.")
    ],
    to: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="For an MP4: where the stretch ends.")
    ] = None,
) -> None:
    """Draw recorded detections on a frame (PNG), or on a stretch of frames (MP4).

    A PNG shows the processed frame that is nearest to the time. In an MP4, a frame that was not
    processed shows the boxes of the last one that was, in thin lines.
    """
    at_s, to_s = seconds(at, "--at"), None if to is None else seconds(to, "--to")
    _check_kind(out, to)
    video = open_recorded(output, uri)
    data, said = picture(video, at_s) if to_s is None else stretch(video, at_s, to_s)
    put_file(out, data)
    typer.echo(f"{out}: {said}")


def _check_kind(out: Path, to: str | None) -> None:
    kind = out.suffix.lower()
    if kind not in {".png", ".mp4"}:
        raise UsageError(f"--out {out} is neither .png nor .mp4.", "Name the file one of them.")
    if kind == ".png" and to is not None:
        raise UsageError("A PNG shows one frame; --to is for an MP4.", "Leave --to out.")
    if kind == ".mp4" and to is None:
        raise UsageError("An MP4 needs --to: where the stretch ends.", "Give it in seconds.")
