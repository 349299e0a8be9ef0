"""`fleet atc`: compile a network by the names of ATC's options, for scripts that exist.

Options, values, texts and numbers of errors are those of hicann/ge, docs/zh/user_guides/atc_tools.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from fleet.ascend.soc import soc as chip
from fleet.cli.output_folder import put_file
from fleet.core.geometry import Size
from fleet.errors import FleetError
from fleet.job.heads import read_head
from fleet.models.caffe.convert import convert_caffe, layer_top
from fleet.models.caffe.end import DetectionEnd
from fleet.models.card import ModelCard, read_card
from fleet.models.compiler.atc_options import (
    OutNode,
    check_choices,
    fix_shapes,
    parse_framework,
    parse_gears,
    parse_input_shape,
    parse_out_nodes,
    parse_output_type,
    refuse_option,
)
from fleet.models.compiler.compile import compile_model, describe, read_labels
from fleet.models.compiler.gears import with_open_batch
from fleet.models.compiler.graph import parse_onnx
from fleet.models.compiler.insert_op import parse_insert_op
from fleet.models.compiler.outputs import with_outputs
from fleet.models.external_data import read_network
from fleet.models.heads import RAW, Shape, parse_anchors
from fleet.storage import read_file, read_text

START = "ATC start working now, please wait for a moment."
SUCCESS = "ATC run success, welcome to the next use."
FAILED = "ATC run failed, Please check the detail log, Try 'fleet atc --help' for more information"


@dataclass(frozen=True)
class _Network:
    """A network as ONNX, and what is known of it."""

    content: bytes
    picture: str
    """The name of a Caffe network's picture; empty for ONNX."""
    rank: int
    """Its place among the inputs."""
    size: Size | None
    batch: int | None
    end: DetectionEnd | None


def atc(
    *,
    model: Annotated[str, typer.Option(help="A .prototxt, or an .onnx file.")],
    framework: Annotated[str, typer.Option(metavar="0|5", help="0 is Caffe, 5 is ONNX.")],
    output: Annotated[str, typer.Option(help="The path without suffix: .om is always added.")],
    soc: Annotated[str, typer.Option("--soc_version", help="The chip, such as Ascend310.")],
    weight: Annotated[str | None, typer.Option(help="The .caffemodel; for Caffe.")] = None,
    insert_op_conf: Annotated[
        str | None, typer.Option("--insert_op_conf", help="The file that configures AIPP.")
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option("--input_shape", help='"data:1,3,416,416;img_info:1,4".')
    ] = None,
    input_format: Annotated[str, typer.Option("--input_format", metavar="NCHW")] = "NCHW",
    dynamic_batch_size: Annotated[
        str | None,
        typer.Option("--dynamic_batch_size", help="1,2,4; N is -1 then."),
    ] = None,
    out_nodes: Annotated[
        str | None, typer.Option("--out_nodes", help='"layer82-conv:0;layer94-conv:0".')
    ] = None,
    output_type: Annotated[
        str | None, typer.Option("--output_type", metavar="FP32|FP16", help="Of all outputs.")
    ] = None,
    precision_mode: Annotated[
        str | None, typer.Option("--precision_mode", help="Explained: the host's is the network's.")
    ] = None,
    log: Annotated[
        str, typer.Option(metavar="debug|info|warning|error|null", help="info describes the model.")
    ] = "null",
    mode: Annotated[str, typer.Option(metavar="0", help="0 compiles.")] = "0",
    head: Annotated[str | None, typer.Option(help="Fleet's: how outputs are read.")] = None,
    labels: Annotated[str | None, typer.Option(help="Fleet's: a file of class labels.")] = None,
    anchors: Annotated[str | None, typer.Option(help="Fleet's: for the head yolov3.")] = None,
) -> None:
    """Compile a network of Caffe or ONNX by ATC's options, into NAME.om (simulated).

    A head is not one of ATC's: it is known where a Caffe network ends with YoloV3DetectionOutput
    or SSDDetectionOutput, or an ONNX file names it; else give --head, --labels and --anchors as
    for `fleet compile`. Without any, outputs that no head is sure of stay raw, for `fleet infer`.
    """
    typer.echo(START)
    try:
        if mode != "0":
            refuse_option("E10001", f"--mode={mode}: Fleet compiles only.", "Leave --mode out.")
        check_choices(precision_mode, log, input_format)
        gears = parse_gears(dynamic_batch_size)
        shapes = fix_shapes(parse_input_shape(input_shape), gears)
        nodes, dtype = parse_out_nodes(out_nodes), parse_output_type(output_type)
        reader, own = read_head(head or "")
        network = _read(parse_framework(framework), model, weight, shapes, nodes)
        network = _opened(network, model) if gears else network
        path = Path(f"{output}.om")
        text = read_text(insert_op_conf) if insert_op_conf is not None else None
        aipp, remarks = (
            parse_insert_op(text, network.picture, network.rank) if text is not None else (None, ())
        )
        ends = () if network.picture else nodes
        content = with_outputs(network.content, path.stem, ends, dtype)
        compiled = compile_model(
            content,
            head=reader or (network.end.head if network.end else None),
            labels=_labels(labels, network.end),
            name=path.stem,
            soc=chip(soc),
            size=network.size,
            batch=network.batch,
            gears=gears,
            aipp=aipp,
            anchors=_anchors(anchors, network.end),
            iou=network.end.iou if network.end else None,
            heads=own,
            or_raw=head is None and labels is None and anchors is None,
        )
    except FleetError:
        typer.echo(FAILED)
        raise
    put_file(path, compiled)
    card = read_card(compiled, str(path))
    for warning in (*_warnings(output, precision_mode, network, card), *card.aipp.warnings):
        typer.echo(f"[WARNING] {warning}")
    if log in {"debug", "info"}:
        typer.echo(describe(card))
        for remark in remarks:
            typer.echo(f"  {'AIPP file':<12}{remark}")
    typer.echo(SUCCESS)


def _read(
    framework: str,
    model: str,
    weight: str | None,
    shapes: dict[str, Shape],
    nodes: tuple[OutNode, ...],
) -> _Network:
    if framework == "ONNX":
        if weight is not None:
            message = f"--weight={weight} is for Caffe, and --framework=5 is ONNX."
            refuse_option("E10001", message, "Leave it out: an ONNX file holds its weights.")
        content = read_network(model)
        size, batch = _picture_shape(shapes, content, model)
        return _Network(content, "", 0, size, batch, None)
    if weight is None:
        message = "--weight is missing, and a prototxt holds no weights."
        refuse_option("E10054", message, "Name the .caffemodel that belongs to it.")
    text = read_text(model)
    outputs = [layer_top(text, node.node, node.index) for node in nodes] or None
    made = convert_caffe(text, read_file(weight), shapes=shapes, outputs=outputs)
    return _Network(made.onnx_bytes, made.picture, made.rank, None, None, made.end)


def _opened(network: _Network, name: str) -> _Network:
    """Return a network whose batch is open: a Caffe one is converted with the largest gear."""
    if not network.picture:
        return replace(network, batch=None)
    content = with_open_batch(network.content, name, network.picture)
    return replace(network, content=content, batch=None)


def _picture_shape(
    shapes: dict[str, Shape], content: bytes, model: str
) -> tuple[Size | None, int | None]:
    if not shapes:
        return None, None
    if len(shapes) != 1 or len(next(iter(shapes.values()))) != 4:
        message = f"--input_shape names {', '.join(shapes)}."
        refuse_option("E10005", message, "Networks of ONNX have one input here, N,3,height,width.")
    ((name, (batch, _, height, width)),) = shapes.items()
    known = [entry.name for entry in parse_onnx(content, model).graph.input]
    if name not in known:
        message = f"--input_shape: there is no input {name!r}."
        refuse_option("E10005", message, f"The network's inputs are: {', '.join(known)}.")
    return Size(width, height), batch


def _labels(file: str | None, end: DetectionEnd | None) -> tuple[str, ...] | None:
    if file is not None:
        return read_labels(read_text(file), file)
    return tuple(f"class {number}" for number in range(end.classes)) if end else None


def _anchors(
    text: str | None, end: DetectionEnd | None
) -> tuple[tuple[tuple[float, float], ...], ...] | None:
    if text is not None:
        return parse_anchors(text)
    return end.anchors if end else None


def _warnings(
    output: str, precision_mode: str | None, network: _Network, card: ModelCard
) -> list[str]:
    found = []
    if card.head == RAW:
        found.append(
            "no head is sure of the outputs, or nothing states labels: they stay raw, for `fleet "
            "infer`. For boxes, compile with --head and --labels."
        )
    if output.endswith(".om"):
        what = f"--output is a path without suffix, and .om is always added: {output}.om"
        found.append(f"{what} is written, as by ATC (`fleet compile` does not double it).")
    if precision_mode is not None:
        found.append(
            f"--precision_mode={precision_mode}: ONNX Runtime computes in the network's own "
            "precision, whatever is asked; modelled memory and time are those of float16."
        )
    if network.end:
        found.append(network.end.remark)
    return found
