"""`fleet annexb`: a video's H.264 or H.265 stream alone, as the decoder takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.output_folder import check_file
from fleet.errors import UsageError
from fleet.show.annexb import access_units, check_stream_name, described, open_stream


def annexb(
    uri: Annotated[str, typer.Argument(metavar="URI", help="A video of H.264 or H.265.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="one.h264 or one.h265.")],
) -> None:
    """Write a video's stream in Annex-B form: what the chip's decoder is fed, packet by packet."""
    index = open_stream(uri)
    check_stream_name(out, index)
    check_file(out)
    unfinished = out.with_name(f".{out.name}.part")
    units = size = 0
    try:
        with unfinished.open("wb") as file:
            for data in access_units(index):
                size += file.write(data)
                units += 1
        unfinished.replace(out)
    except OSError as error:
        if error.filename is None:
            raise
        raise UsageError(f"{out} cannot be written: {error.strerror}.", "Name another.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    typer.echo(f"{out}: {described(index, units, size)}")
