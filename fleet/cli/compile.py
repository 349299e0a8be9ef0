"""`fleet compile`: compile an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fleet.ascend.soc import soc as chip
from fleet.cli.calibration import (
    AsInt8,
    Calibrate,
    Force,
    Frames,
    Seed,
    Truth,
    compile_and_judge,
    read_request,
)
from fleet.cli.output_folder import put_file
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.job.heads import read_head
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_network, describe, read_labels
from fleet.models.compiler.insert_op import parse_insert_op
from fleet.models.compiler.metadata import AUTO
from fleet.models.external_data import read_network
from fleet.models.heads import READERS, parse_anchors
from fleet.storage import read_file, read_text


def compile_command(
    model: Annotated[str | None, typer.Argument(metavar="MODEL.onnx")] = None,
    *,
    output: Annotated[
        str | None, typer.Option(help="The path to write; .om is added where it lacks.")
    ] = None,
    head: Annotated[
        str,
        typer.Option(
            help=f"How outputs are read: auto (recognised), {', '.join(sorted(READERS))}; or "
            "FILE.py:NAME, one of your own."
        ),
    ] = AUTO,
    labels: Annotated[str | None, typer.Option(help="A file of class labels, one a line.")] = None,
    size: Annotated[
        str | None,
        typer.Option(help="320x320, where the model leaves it open or is all convolutions."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Pictures at a time, where the model leaves it open.")
    ] = None,
    aipp: Annotated[
        str | None, typer.Option(help="An AIPP file as ATC's --insert_op_conf takes it.")
    ] = None,
    anchors: Annotated[
        str | None, typer.Option(help="For yolov3, a group an output: '10,13 16,30; 62,45 59,119'.")
    ] = None,
    pictures_per_s: Annotated[
        float | None,
        typer.Option(min=0.001, help="What a real chip does, as measured; else its peak counts."),
    ] = None,
    soc: Annotated[
        str, typer.Option("--soc", "--soc_version", help="The chip to compile for.")
    ] = "Ascend310",
    int8: AsInt8 = False,
    calibrate: Calibrate = None,
    frames: Frames = None,
    seed: Seed = None,
    truth: Truth = None,
    force: Force = False,
    show: Annotated[
        str | None, typer.Option(metavar="X.om", help="Print the card of a compiled model.")
    ] = None,
) -> None:
    """Compile an ONNX model into NAME.om, as ATC would (simulated).

    Labels and anchors may be left out where the metadata of the model holds them; the head is
    recognised by its outputs then, or the model refused. With --int8 and --calibrate, both forms
    are compared on frames of the videos.
    """
    if show:
        if model or output:
            raise UsageError("--show prints a card and compiles nothing.", "Give it alone.")
        typer.echo(describe(read_card(read_file(show), show)))
        return
    if not model or not output:
        missing = "--output" if model else "MODEL.onnx"
        raise UsageError(f"{missing} is missing.", "Write: fleet compile MODEL.onnx --output NAME.")
    request = read_request(calibrate, frames, seed, truth, int8=int8, force=force)
    path = Path(f"{output.removesuffix('.om')}.om")
    given = read_labels(read_text(labels), labels) if labels is not None else None
    reader, own = read_head(head)
    configuration, remarks = parse_insert_op(read_text(aipp)) if aipp else (None, ())
    options: dict[str, Any] = {
        "head": reader,
        "labels": given,
        "name": path.stem,
        "soc": chip(soc),
        "size": _size(size),
        "batch": batch,
        "aipp": configuration,
        "anchors": parse_anchors(anchors) if anchors is not None else None,
        "pictures_per_s": pictures_per_s or 0.0,
        "heads": own,
    }
    if request is None:
        compiled = compile_network(read_network(model), **options)
    else:
        compiled = compile_and_judge(read_network(model), request, force=force, **options)
    put_file(path, compiled.om)
    typer.echo(describe(read_card(compiled.om, str(path))))
    typer.echo(f"  {'read as':<12}{compiled.reading}")
    for remark in remarks:
        typer.echo(f"  {'AIPP file':<12}{remark}")
    typer.echo(f"  {'written':<12}{path}, {len(compiled.om):,} bytes")


def _size(text: str | None) -> Size | None:
    try:
        return Size.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--size {text}: {error}.") from None
