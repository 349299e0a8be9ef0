"""The amount of computation and memory of a network, counted in its graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from fleet.models.heads import Shape

CHIP_VALUE_BYTES = 2
"""A value on the chip: float16, ATC's default precision mode (docs/chip.md#model-precision)."""


ROUNDING = ("QuantizeLinear", "DequantizeLinear")
"""What stands around the layers of a network in int8, and is part of them on a chip."""


@dataclass(frozen=True)
class Work:
    """The computation and memory of one run of a graph."""

    macs: int
    """Multiply-accumulates of a whole batch."""
    weight_bytes: int
    """See ModelCard."""
    workspace_bytes: int
    """See ModelCard."""


def count_macs(graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> Work:
    """Return the work of a graph; `shapes` holds the shape of each of its values by name.

    Multiply-accumulates are those of Conv, ConvTranspose, Gemm and MatMul in the graph itself.
    Other operators and the branches of control flow do not count, so that it is a lower bound.
    """
    return Work(
        macs=sum(_macs(node, shapes) for node in graph.node),
        weight_bytes=sum(_bytes(weight) for weight in _weights(graph)),
        workspace_bytes=_peak_values(graph, shapes) * CHIP_VALUE_BYTES,
    )


def _macs(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    if node.op_type == "Conv":
        return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "ConvTranspose":
        return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
    if node.op_type == "Gemm":
        transposed = any(item.name == "transA" and item.i for item in node.attribute)
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]
    if node.op_type == "MatMul":
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return 0


def _weights(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    constants = [node for node in graph.node if node.op_type == "Constant"]
    held = [item.t for node in constants for item in node.attribute if item.name == "value"]
    return [*graph.initializer, *held]


def _bytes(weight: onnx.TensorProto) -> int:
    kind = onnx.helper.tensor_dtype_to_np_dtype(weight.data_type)
    floating = np.issubdtype(kind, np.floating)
    value_bytes = CHIP_VALUE_BYTES if floating else kind.itemsize
    return int(math.prod(weight.dims) * value_bytes)


def _peak_values(graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> int:
    own = _own_values(graph)
    nodes = [node for node in graph.node if node.op_type not in {"Constant", *ROUNDING}]
    last_use = {own.get(name, name): at for at, node in enumerate(nodes) for name in node.input}
    living: dict[str, int] = {}
    peak = 0
    for at, node in enumerate(nodes):
        living |= {name: math.prod(shapes.get(name, ())) for name in node.output if name}
        peak = max(peak, sum(living.values()))
        living = {name: size for name, size in living.items() if last_use.get(name, -1) > at}
    return peak


def _own_values(graph: onnx.GraphProto) -> dict[str, str]:
    """Return for each value that is another one rounded which one that is."""
    own: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in ROUNDING:
            own[node.output[0]] = own.get(node.input[0], node.input[0])
    return own
