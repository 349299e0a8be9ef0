"""Networks as they come: channels last, the picture's size as an input, an older opset.

Each is made into a network with one input in NCHW before it is compiled, by nodes and constants in
its own graph, so that what runs on a device knows no difference.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from fleet.core.geometry import Size
from fleet.models.compiler.graph import ImageInput, fix_lengths, opset_in, refuse

OLD_OPSETS = (9, 10)
"""Opsets that ATC does not read, and that are converted to the oldest that it does."""
OLDEST = 11
SIZES: Mapping[str, str] = {
    "image_info": "hw",
    "img_info": "hw",
    "image_shape": "hw",
    "im_shape": "hw",
    "orig_target_sizes": "wh",
    "scale_factor": "11",
}
"""What exporters call an input that holds the picture's size -> what it holds, in order.

The picture is the network's own input here, so that boxes come in its pixels and factors are 1.
"""


def modernise(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return the network with an opset that ATC reads, where it has one of OLD_OPSETS.

    Raises ModelRefusedError where an operator of it has no counterpart.
    """
    if opset_in(model) not in OLD_OPSETS:
        return model
    return converted(model, OLDEST, name)


def converted(model: onnx.ModelProto, opset: int, name: str) -> onnx.ModelProto:
    """Return a network in a later version of the operators; raises ModelRefusedError."""
    try:
        return version_converter.convert_version(model, opset)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        what = f"its opset {opset_in(model)} cannot be converted to {opset}: {reason}."
        refuse(name, what, f"Export it again with opset_version={opset} or more.")


def channels_first(model: onnx.ModelProto) -> None:
    """Change inputs [N, height, width, 3] to [N, 3, height, width], by nodes that turn them back.

    What has three rows as well is left as it is.
    """
    weights = {weight.name for weight in model.graph.initializer}
    for entry in model.graph.input:
        lengths = [side.dim_value for side in entry.type.tensor_type.shape.dim]
        last = len(lengths) == 4 and lengths[3] == 3 != lengths[1]
        if last and entry.name not in weights:
            _turn(model, entry)


def _turn(model: onnx.ModelProto, entry: onnx.ValueInfoProto) -> None:
    inner = f"{entry.name}_channels_last"
    for graph_node in model.graph.node:
        for at, value in enumerate(graph_node.input):
            if value == entry.name:
                graph_node.input[at] = inner
    turn = helper.make_node("Transpose", [entry.name], [inner], perm=[0, 2, 3, 1])
    model.graph.node.insert(0, turn)
    batch, height, width, channels = entry.type.tensor_type.shape.dim
    lengths = [onnx.TensorShapeProto.Dimension() for _ in range(4)]
    for length, own in zip(lengths, (batch, channels, height, width), strict=True):
        length.CopyFrom(own)
    del entry.type.tensor_type.shape.dim[:]
    entry.type.tensor_type.shape.dim.extend(lengths)


def _sizes(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs that hold the picture's size: by the name, and 2 or 4 numbers.

    One with a value of its own can be given another where the model is run by itself: it stays.
    """
    given = {weight.name for weight in model.graph.initializer}
    return [entry for entry in model.graph.input if _is_size(entry) and entry.name not in given]


def _is_size(entry: onnx.ValueInfoProto) -> bool:
    dims = entry.type.tensor_type.shape.dim
    return entry.name in SIZES and len(dims) in {1, 2} and dims[-1].dim_value in {2, 4}


def size_names(model: onnx.ModelProto) -> frozenset[str]:
    """Return the names of the inputs that hold the picture's size."""
    return frozenset(entry.name for entry in _sizes(model))


def prepare(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return the network with an opset that ATC reads, and images with channels first.

    Raises ModelRefusedError where it cannot be converted.
    """
    model = modernise(model, name)
    channels_first(model)
    return model


def fix_inputs(model: onnx.ModelProto, image: ImageInput, batch: int, size: Size) -> None:
    """Fix the lengths of the image, and make constants of inputs that hold its size."""
    fix_lengths(model, image, batch, size)
    for entry in _sizes(model):
        tensor = entry.type.tensor_type
        values = {"h": size.height, "w": size.width, "1": 1}
        count = tensor.shape.dim[-1].dim_value
        row = [values[letter] for letter in SIZES[entry.name] * (count // 2)]
        rows = row if len(tensor.shape.dim) == 1 else [row] * batch
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        constant = numpy_helper.from_array(np.array(rows, kind), entry.name)
        model.graph.initializer.append(constant)
        model.graph.input.remove(entry)
