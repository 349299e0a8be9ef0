"""The size of a network's pictures: its own, or another one where it is made of convolutions alone.

A network of convolutions, pooling and what takes each number by itself computes the same at each
place of a picture, so that it can be compiled for the shape of the pictures that there are. Lists
of places or lengths within the graph, as exporters that decode boxes write them, are made for one
size: with another one such a network would find boxes in wrong places, or none.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import numpy_helper

from fleet.core.geometry import Size
from fleet.models.compiler.graph import ImageInput, refuse
from fleet.models.heads import Shape

_BY_ITSELF = frozenset(
    {"Add", "Cast", "Clip", "Div", "Dropout", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid"}
    | {"HardSwish", "Identity", "LeakyRelu", "Max", "Min", "Mish", "Mul", "Neg", "PRelu", "Pow"}
    | {"Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tanh"}
)
"""Operators that take each number by itself, with one constant for all places, if any."""
_AROUND = frozenset(
    {"AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace"}
    | {"LpPool", "MaxPool", "SpaceToDepth"}
)
"""Operators that do at each place the same to what lies around it."""
_CHANNELS = 1
"""The axis of channels in [batch, channels, height, width]."""


def canvas_of(
    model: onnx.ModelProto, image: ImageInput, given: Size | None, stated: Size | None, name: str
) -> Size:
    """Return the size of the pictures that a network is compiled for.

    `given`: what is asked for; `stated`: what its exporter says of an open one. Raises
    ModelRefusedError where there is none, and for another one than its own where it is bound to it.
    """
    open_size = given or stated
    width = image.width or (open_size and open_size.width)
    height = image.height or (open_size and open_size.height)
    if not width or not height:
        refuse(name, "the size of its input is not fixed.", "Give one, such as --size 320x320.")
    own = Size(width, height)
    if given and given != own:
        bound = bound_by(model.graph)
        if bound:
            fixed = f"{image.width or '?'}x{image.height or '?'}"
            what = f"its input is fixed at {fixed}, and {bound} may hold what was made for that."
            refuse(name, what, f"Export it again at {given}.")
        return given
    return own


def bound_by(graph: onnx.GraphProto) -> str:
    """Return the first operator that may be bound to the size of the input; empty for none."""
    constants = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = _shape_of(node)
    for node in graph.node:
        if node.op_type != "Constant" and not _is_free(node, constants):
            return f"{node.op_type} {node.name or node.output[0]}"
    return ""


def _is_free(node: onnx.NodeProto, constants: Mapping[str, Shape]) -> bool:
    """Return whether a node does at every place of a picture, however large, the same."""
    if node.domain not in {"", "ai.onnx"}:
        return False
    if node.op_type in _BY_ITSELF:
        return all(_is_same_everywhere(constants[key]) for key in node.input if key in constants)
    if node.op_type in {"Concat", "Split"}:
        axis = {item.name: item.i for item in node.attribute}.get("axis", 0)
        whole = not any(key in constants for key in node.input[:1])
        return axis == _CHANNELS and whole
    if node.op_type in {"Resize", "Upsample"}:
        # By scales, and not to lengths, which would be its fourth input.
        return len(node.input) <= 3 or not node.input[3]
    return node.op_type in _AROUND and node.input[0] not in constants


def _is_same_everywhere(shape: Shape) -> bool:
    """Return whether a constant has one number for all places, or one a channel."""
    return all(length == 1 for length in shape[-2:]) if len(shape) >= 3 else shape in {(), (1,)}


def _shape_of(node: onnx.NodeProto) -> Shape:
    """Return the shape of what a Constant holds; of numbers that are written out, how many."""
    (held,) = node.attribute
    if held.name == "value":
        return tuple(numpy_helper.to_array(held.t).shape)
    if held.name == "sparse_value":
        return tuple(held.sparse_tensor.dims)
    several = held.ints or held.floats or held.strings
    return (len(several),) if held.name.endswith("s") else ()
