"""The ONNX files that Fleet compiles: one image as input, fixed sizes, an opset that ATC reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto

from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.heads import Shape
from fleet.models.whole_file import parse_model

OPSETS = range(11, 19)
MOVING = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators whose first input and output hold the same numbers."""
DTYPES: Mapping[int, Literal["float32", "float16", "uint8"]] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.UINT8: "uint8",
}


@dataclass(frozen=True)
class ImageInput:
    """The one input of a network, [batch, 3, height, width]; a length is None where it is open."""

    name: str
    """The name of the input."""
    dtype: Literal["float32", "float16", "uint8"]
    """The type of its values."""
    batch: int | None
    height: int | None
    width: int | None


def refuse(name: str, what: str, way_out: str) -> NoReturn:
    """Raise ModelRefusedError for the model of that name."""
    raise ModelRefusedError(f"{name} cannot be compiled: {what}", way_out)


def parse_onnx(content: bytes, name: str) -> onnx.ModelProto:
    """Return the model of an ONNX file's content.

    Raises ModelRefusedError where it has none, or names data outside its own bytes.
    """
    try:
        model = parse_model(content, name)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.graph.node:
        what = f"it is not an ONNX file, or cut off: {len(content):,} bytes."
        refuse(name, what, "Export the network to ONNX, or fetch the file again, whole.")
    return model


def opset_in(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that a network is written in; 0: it says none."""
    versions = [item.version for item in model.opset_import if item.domain in {"", "ai.onnx"}]
    return max(versions, default=0)


def opset_of(model: onnx.ModelProto, name: str) -> int:
    """Return its opset; raises ModelRefusedError outside ATC's 11..18 (docs/chip.md#model-onnx)."""
    opset = opset_in(model)
    if opset not in OPSETS:
        refuse(
            name,
            f"its opset is {opset}, and ATC reads {OPSETS[0]} to {OPSETS[-1]}.",
            f"Export it again with opset_version={OPSETS[-1]} (Ultralytics: opset=17).",
        )
    return opset


def image_input(model: onnx.ModelProto, name: str, aside: Collection[str] = ()) -> ImageInput:
    """Return the one input, an image in NCHW; raises ModelRefusedError for anything else.

    `aside`: the names of inputs that become constants.
    """
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [item for item in model.graph.input if item.name not in weights.union(aside)]
    if len(inputs) != 1:
        listed = ", ".join(item.name for item in inputs) or "none"
        refuse(name, f"it has {len(inputs)} inputs ({listed}).", "Export it with one image input.")
    tensor = inputs[0].type.tensor_type
    lengths = [_length(dimension) for dimension in tensor.shape.dim]
    text = ", ".join("?" if length is None else str(length) for length in lengths)
    known = tensor.elem_type in TensorProto.DataType.values()
    kind = TensorProto.DataType.Name(tensor.elem_type).lower() if known else "of no known type"
    what = f"its input {inputs[0].name} is {kind} [{text}], not an image [N, 3, height, width]."
    if len(lengths) != 4 or lengths[1] != 3:
        refuse(name, what, "Fleet runs networks that look at pictures.")
    if tensor.elem_type not in DTYPES:
        refuse(name, what, "Export it with an input of float32, float16 or uint8.")
    return ImageInput(inputs[0].name, DTYPES[tensor.elem_type], lengths[0], *lengths[2:])


def fix_lengths(model: onnx.ModelProto, image: ImageInput, batch: int, size: Size) -> None:
    """Write the input's lengths into the model, and remove shapes that depend on open ones."""
    fixed = (batch, 3, size.height, size.width)
    if (image.batch, 3, image.height, image.width) == fixed:
        return
    entry = next(item for item in model.graph.input if item.name == image.name)
    for dimension, length in zip(entry.type.tensor_type.shape.dim, fixed, strict=True):
        dimension.dim_value = length
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")


def infer_shapes(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return the model with the shapes of its values; raises ModelRefusedError where they clash."""
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        refuse(name, f"its graph contradicts itself: {reason}", "Export it again.")


def known_shapes(model: onnx.ModelProto, name: str) -> dict[str, Shape]:
    """Return the shape of each value, by name, where shape inference finds all its lengths.

    Raises ModelRefusedError where the shapes of the graph contradict each other.
    """
    graph = infer_shapes(model, name).graph
    shapes: dict[str, Shape] = {item.name: tuple(item.dims) for item in graph.initializer}
    for item in (*graph.input, *graph.value_info, *graph.output):
        if item.type.tensor_type.HasField("shape"):
            lengths = [_length(dimension) for dimension in item.type.tensor_type.shape.dim]
            if None not in lengths:
                shapes[item.name] = tuple(length for length in lengths if length is not None)
    return shapes


def operator_behind(graph: onnx.GraphProto, value: str) -> str:
    """Return the operator that makes the numbers of a value; empty for an input.

    Those that only move numbers, or write them in another type, are passed by.
    """
    makers = {output: node for node in graph.node for output in node.output}
    while value in makers and makers[value].op_type in MOVING:
        value = makers[value].input[0]
    return makers[value].op_type if value in makers else ""


def _length(dimension: onnx.TensorShapeProto.Dimension) -> int | None:
    return dimension.dim_value if dimension.dim_value > 0 else None
