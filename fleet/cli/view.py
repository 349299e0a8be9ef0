"""`fleet view`: one picture of a raw buffer, a JPEG or a video as a PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from fleet.cli.output_folder import put_file
from fleet.cli.seconds import seconds
from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.show.raw_picture import BufferLayout, RawFormat
from fleet.show.view import Seen, view_buffer, view_jpeg, view_video

_RAW = frozenset({".yuv", ".nv12", ".nv21", ".raw"})
_JPEG = frozenset({".jpg", ".jpeg"})
_Value = TypeVar("_Value", RawFormat, Matrix, Range)


def view(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .yuv, a .jpg or a video.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="one.png; one.yuv is the buffer itself.")
    ],
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Of a .yuv: the picture, as it is read.")
    ] = None,
    stride: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Bytes a row and rows with padding; default: --size."),
    ] = None,
    pixel_format: Annotated[
        str, typer.Option(metavar="nv12|nv21|yuv420p", help="How the chroma is read.")
    ] = "nv12",
    matrix: Annotated[str, typer.Option(metavar="bt601|bt709", help="How colour is read.")] = (
        "bt601"
    ),
    range_: Annotated[
        str, typer.Option("--range", metavar="narrow|wide", help="How luma is read.")
    ] = "narrow",
    frame: Annotated[int, typer.Option(min=0, help="Of several pictures in a .yuv.")] = 0,
    at: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="Of a video: the time of the picture.")
    ] = None,
    padding: Annotated[
        bool, typer.Option("--padding/--no-padding", help="Whether the strides' padding is shown.")
    ] = False,
    chip: Annotated[str, typer.Option(help="The chip that decodes.")] = "Ascend310",
) -> None:
    """Write one picture as it lies in the memory of a device.

    A .yuv says nothing of itself: it is read as the options say, and shows strips of green or
    yellow where these are wrong.
    """
    kind = out.suffix.lower()
    if kind not in {".png", ".yuv"}:
        raise UsageError(f"--out {out} is neither .png nor .yuv.", "Name the file one of them.")
    seen = Seen(padding, raw=kind == ".yuv")
    suffix = Path(file).suffix.lower()
    if suffix in _RAW or size is not None:
        if seen.raw:
            raise UsageError(f"{file} is a raw buffer already.", "Name the picture one.png.")
        layout = _layout(file, size, stride, pixel_format, at)
        colour = Colour(_one_of(Matrix, "--matrix", matrix), _one_of(Range, "--range", range_))
        data, said = view_buffer(file, layout, colour, number=frame, padding=padding)
    elif suffix in _JPEG:
        data, said = view_jpeg(file, chip, seen)
    else:
        if at is None:
            raise UsageError(f"{file} is a video, of many pictures.", "Say which: --at SECONDS.")
        data, said = view_video(file, seconds(at, "--at"), chip, seen)
    put_file(out, data)
    typer.echo(f"{out}: {said}")


def _layout(
    file: str, size: str | None, stride: str | None, pixel_format: str, at: str | None
) -> BufferLayout:
    if at is not None:
        message = f"{file} is read as raw pictures, which have no times."
        raise UsageError(message, "Name a picture by --frame, and leave --at out.")
    if size is None:
        message = f"{file} does not say how large its pictures are."
        raise UsageError(message, "Say so: --size 1024x688, and --pixel-format.")
    try:
        shown = Size.parse(size)
        strides = shown if stride is None else Size.parse(stride)
        return BufferLayout(shown, strides, _one_of(RawFormat, "--pixel-format", pixel_format))
    except ValueError as error:
        raise UsageError(f"The buffer cannot be read so: {error}.") from None


def _one_of(kind: type[_Value], option: str, text: str) -> _Value:
    try:
        return kind(text.lower())
    except ValueError:
        raise UsageError(f"{option} {text} is none of {', '.join(kind)}.") from None
