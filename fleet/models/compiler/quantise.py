"""A network in int8: ranges are calibrated on pictures, by ONNX Runtime's own quantisation.

Weights become int8, one scale a channel, values between layers uint8; layers keep their places,
with QuantizeLinear and DequantizeLinear around them. The last layers with weights, and what lies
behind them, stay as they are: they are a small part of the work, and boxes and scores that lie in
one output share no scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from fleet.models.compiler.graph import image_input, opset_in, parse_onnx, refuse
from fleet.models.compiler.inputs import converted

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""The operators that hold nearly all of a network's work."""
QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger")
OLDEST = 13
"""The first opset in which a weight has a scale for each channel."""


def check_quantisable(content: bytes, name: str) -> None:
    """Raise ModelRefusedError for a network that cannot be brought to int8, with the reason."""
    graph = parse_onnx(content, name).graph
    if any(node.op_type in QUANTISED for node in graph.node):
        refuse(name, "it is quantised already.", "Leave out --int8, or export it in float32.")
    if any(weight.data_type == TensorProto.FLOAT16 for weight in graph.initializer):
        refuse(name, "its weights are float16.", "Export it in float32 for --int8.")
    if not _layers(graph.node) > _layers(last_nodes(graph)):
        what = f"it has no {', '.join(WEIGHTED)} before its last layers that int8 could speed up."
        refuse(name, what, "Leave out --int8.")


def quantise(content: bytes, name: str, tensors: Iterable[NDArray[np.generic]]) -> bytes:
    """Return a network of fixed sizes in int8, its ranges those that it reaches on `tensors`.

    `tensors` are what its one input is fed. The same ones make the same bytes. Weights take 7 of
    their 8 bits, so that no processor's instructions saturate and all compute the same numbers.
    Raises ModelRefusedError where it cannot be quantised.
    """
    # Loading it takes a second, and it adds a folder of its own to sys.path.
    from onnxruntime.quantization import (  # noqa: PLC0415
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quant_pre_process,
        quantize_static,
    )

    check_quantisable(content, name)
    model = parse_onnx(content, name)
    feed = image_input(model, name).name
    with TemporaryDirectory(prefix="fleet-int8-") as folder:
        plain, ready, made = (Path(folder) / file for file in ("plain", "ready", "made"))
        if opset_in(model) < OLDEST:
            model = converted(model, OLDEST, name)
        plain.write_bytes(model.SerializeToString(deterministic=True))
        # Symbolic shapes need another package, and sizes are fixed here.
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        prepared = onnx.load(ready)
        _name_nodes(prepared.graph)
        onnx.save(prepared, ready)
        quantize_static(
            ready,
            made,
            _Reader(feed, tensors),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=None,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in last_nodes(prepared.graph)],
            calibrate_method=CalibrationMethod.MinMax,
        )
        quantised = onnx.load(made)
    # ONNX Runtime imports every domain that it knows.
    used = {node.domain for node in quantised.graph.node}
    imports = [item for item in quantised.opset_import if item.domain in used]
    del quantised.opset_import[:]
    quantised.opset_import.extend(imports)
    del quantised.metadata_props[:]
    quantised.metadata_props.extend(model.metadata_props)
    result: bytes = quantised.SerializeToString(deterministic=True)
    return result


def last_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes from which no way leads to a further layer with weights."""
    leading: set[str] = set()
    found = []
    for node in reversed(graph.node):
        is_last = not leading.intersection(node.output)
        if is_last:
            found.append(node)
        if node.op_type in WEIGHTED or not is_last:
            leading.update(node.input)
    return found


def _layers(nodes: Iterable[onnx.NodeProto]) -> int:
    return sum(node.op_type in WEIGHTED for node in nodes)


class _Reader:
    """What ONNX Runtime asks for the next feed until there is None."""

    def __init__(self, name: str, tensors: Iterable[NDArray[np.generic]]) -> None:
        self._name = name
        self._tensors: Iterator[NDArray[np.generic]] = iter(tensors)

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        """Return the feed of the next run."""
        tensor = next(self._tensors, None)
        return None if tensor is None else {self._name: tensor}


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Name the nodes one by one: nodes are chosen by name, and exporters may leave them without."""
    for number, node in enumerate(graph.node):
        node.name = f"{number}:{node.op_type}"
