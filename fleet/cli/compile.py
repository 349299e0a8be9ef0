"""`fleet compile`: compile an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fleet.ascend.soc import soc as chip
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model, describe, read_labels
from fleet.models.compiler.insert_op import parse_insert_op
from fleet.models.heads import parse_anchors
from fleet.storage import Folder, read_file, read_text


def compile_command(
    model: Annotated[str, typer.Argument(metavar="MODEL.onnx")],
    output: Annotated[str, typer.Option(help="The path to write; .om is added where it lacks.")],
    head: Annotated[
        str | None, typer.Option(help="How the output is read: fastestdet, yolov3 or yolov8.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="A file of class labels, one a line.")] = None,
    size: Annotated[
        str | None, typer.Option(help="320x320, where the model leaves it open.")
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
) -> None:
    """Compile an ONNX model into NAME.om, as ATC would (simulated).

    Head, labels and anchors may be left out where the metadata of the model holds them.
    """
    path = Path(f"{output.removesuffix('.om')}.om")
    configuration, remarks = parse_insert_op(read_text(aipp)) if aipp else (None, ())
    compiled = compile_model(
        read_file(model),
        head=head,
        labels=read_labels(read_text(labels), labels) if labels is not None else None,
        name=path.stem,
        soc=chip(soc),
        size=_size(size),
        batch=batch,
        aipp=configuration,
        anchors=parse_anchors(anchors) if anchors is not None else None,
        pictures_per_s=pictures_per_s or 0.0,
    )
    Folder(str(path.parent)).put(path.name, compiled)
    typer.echo(describe(read_card(compiled, str(path))))
    for remark in remarks:
        typer.echo(f"  {'AIPP file':<12}{remark}")
    typer.echo(f"  {'written':<12}{path}, {len(compiled):,} bytes")


def _size(text: str | None) -> Size | None:
    try:
        return Size.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--size {text}: {error}.") from None
