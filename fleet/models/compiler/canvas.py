"""The size of a network's pictures: its own, or another one where it is made of convolutions alone.

A network of convolutions, pooling and what takes each number by itself computes the same at each
place of a picture, so that it can be compiled for the shape of the pictures that there are. Lists
of places or lengths within the graph, as exporters that decode boxes write them, are made for one
size: with another one such a network would find boxes in wrong places, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx

from fleet.core.geometry import Size
from fleet.models.compiler.graph import ImageInput, fix_lengths, known_shapes, refuse
from fleet.models.heads import Reader, Shape

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
        bound = bound_by(model.graph, _own_shapes(model, image, name))
        if bound:
            what = f"{_fixed(image)}, and {bound} may hold what was made for that."
            refuse(name, what, f"Export it again at {given}.")
        return given
    return own


def check_parts(reader: Reader, image: ImageInput, canvas: Size, name: str) -> None:
    """Raise ModelRefusedError where a network at another size writes boxes as parts of its own."""
    own = Size(image.width or canvas.width, image.height or canvas.height)
    if reader.in_parts and own != canvas:
        what = f"{_fixed(image)}, and it writes the sizes of boxes as parts of that."
        refuse(name, what, f"Train it at {canvas}, and export it again.")


def bound_by(graph: onnx.GraphProto, shapes: Mapping[str, Shape] | None = None) -> str:
    """Return the first operator that may be bound to the size of the input; empty for none.

    `shapes`: those of values at the network's own size, as far as they are known.
    """
    constants = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    constants |= {item.values.name: tuple(item.dims) for item in graph.sparse_initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = _shape_of(node)
    values = _Values(constants, shapes or {})
    for node in graph.node:
        if node.op_type != "Constant" and not _is_free(node, values):
            return f"{node.op_type} {node.name or node.output[0]}"
    return ""


@dataclass(frozen=True)
class _Values:
    """What is known of the values of a graph."""

    constants: Mapping[str, Shape]
    """The shapes of those that are the same for each picture."""
    shapes: Mapping[str, Shape]
    """Shapes at the network's own size."""

    def are_all_seen(self, node: onnx.NodeProto) -> bool:
        """Return whether windows reach over all of what a node reads, along a side or both."""
        before, after = (self.shapes.get(key, ())[2:] for key in (node.input[0], node.output[0]))
        return any(one == 1 < many for many, one in zip(before, after, strict=False))


def _is_free(node: onnx.NodeProto, values: _Values) -> bool:
    """Return whether a node does at every place of a picture, however large, the same."""
    if node.domain not in {"", "ai.onnx"}:
        return False
    constants = values.constants
    if node.op_type in _BY_ITSELF:
        return all(_is_same_everywhere(constants[key]) for key in node.input if key in constants)
    if not node.input or node.input[0] in constants:
        return False
    attributes: dict[str, Any] = {item.name: item for item in node.attribute}
    if node.op_type in {"Concat", "Split"}:
        return "axis" in attributes and attributes["axis"].i == _CHANNELS
    if node.op_type in {"Resize", "Upsample"}:
        # By scales, and not to lengths, which would be its fourth input, nor of a part.
        mode = attributes.get("coordinate_transformation_mode")
        of_part = mode is not None and mode.s == b"tf_crop_and_resize"
        return not of_part and (len(node.input) <= 3 or not node.input[3])
    # A window over the whole of a smaller map is one over a part of a larger one.
    free = node.op_type in _AROUND and not values.are_all_seen(node)
    # Of a convolution turned round, the lengths of what it makes.
    return free and "output_shape" not in attributes


def _is_same_everywhere(shape: Shape) -> bool:
    """Return whether a constant has one number for all places, or one a channel."""
    return all(length == 1 for length in shape[-2:]) if len(shape) >= 3 else shape in {(), (1,)}


def _own_shapes(model: onnx.ModelProto, image: ImageInput, name: str) -> dict[str, Shape]:
    """Return the shapes of values at a network's own size; empty where a side of it is open."""
    if not image.width or not image.height:
        return {}
    own = onnx.ModelProto()
    own.CopyFrom(model)
    fix_lengths(own, image, image.batch or 1, Size(image.width, image.height))
    return known_shapes(own, name)


def _fixed(image: ImageInput) -> str:
    return f"its input is fixed at {image.width or '?'}x{image.height or '?'}"


def _shape_of(node: onnx.NodeProto) -> Shape:
    """Return the shape of what a Constant holds; of numbers that are written out, how many."""
    if len(node.attribute) != 1:
        return (0,)  # It is no Constant, which ONNX Runtime says of it.
    held = node.attribute[0]
    if held.name == "value":
        return tuple(held.t.dims)
    if held.name == "sparse_value":
        return tuple(held.sparse_tensor.dims)
    several = held.ints or held.floats or held.strings
    return (len(several),) if held.name.endswith("s") else ()
