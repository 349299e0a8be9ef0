"""The converter: a prototxt and its caffemodel become one ONNX file of fixed sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fleet.models.caffe import convolutions, pointwise, pooling, shaping, ssd
from fleet.models.caffe.detection import detection_output, yolo
from fleet.models.caffe.end import DetectionEnd
from fleet.models.caffe.graph import Graph, Shape
from fleet.models.caffe.read import CaffeNet, read_layers, read_net, refuse_caffe
from fleet.models.session import INPUTS

OPSET, IR_VERSION = 17, 8
ENDS: Mapping[str, Callable[[Graph, Any], DetectionEnd]] = {
    "YoloV3DetectionOutput": detection_output,
    "SSDDetectionOutput": ssd.ssd_output,
}
LAYERS: Mapping[str, Callable[[Graph, Any], list[str]]] = {
    "Convolution": convolutions.convolution,
    "Deconvolution": convolutions.deconvolution,
    "InnerProduct": convolutions.inner_product,
    "Pooling": pooling.pooling,
    "BatchNorm": pointwise.batch_norm,
    "Scale": pointwise.scale,
    "ReLU": pointwise.relu,
    "PReLU": pointwise.prelu,
    "ELU": pointwise.elu,
    "Power": pointwise.power,
    "Sigmoid": pointwise.plain,
    "TanH": pointwise.plain,
    "AbsVal": pointwise.plain,
    "Eltwise": pointwise.eltwise,
    "Softmax": pointwise.softmax,
    "Dropout": pointwise.passed,
    "Split": pointwise.passed,
    "Concat": shaping.concat,
    "Slice": shaping.slice_,
    "Reshape": shaping.reshape,
    "Flatten": shaping.flatten,
    "Permute": shaping.permute,
    "Crop": shaping.crop,
    "Upsample": shaping.upsample,
    "PassThrough": shaping.pass_through,
    "Reorg": shaping.pass_through,
    "Yolo": yolo,
    "PriorBox": ssd.prior_box,
    "Normalize": ssd.normalize,
}
KNOWN = frozenset(LAYERS) | {"Input", *ENDS}


@dataclass(frozen=True)
class Converted:
    """A network as ONNX, and what its end said."""

    onnx_bytes: bytes
    """The file."""
    end: DetectionEnd | None
    """The detection layer that it ends with; None for a network without, or cut before it."""
    picture: str
    """The name of the input that is a picture."""
    rank: int
    """Its place among the inputs, from 0."""


def convert_caffe(
    prototxt: str,
    caffemodel: bytes,
    *,
    shapes: Mapping[str, Shape] | None = None,
    outputs: Sequence[str] | None = None,
) -> Converted:
    """Return a Caffe network as ONNX; equal arguments give equal bytes.

    `shapes` replaces those of inputs, by name. `outputs` are the blobs to end with; else those that
    nothing reads. Raises ModelRefusedError for files that cannot be read, layers that are unknown,
    weights of another network, and parameters that contradict each other.
    """
    net = read_net(prototxt, caffemodel, KNOWN, outputs)
    inputs = _with_shapes(net, shapes or {})
    if outputs is not None:
        read = {bottom for layer in net.layers for bottom in layer.bottom}
        inputs = {name: shape for name, shape in inputs.items() if name in read}
    graph = Graph(net.weights)
    for name, shape in inputs.items():
        graph.add_input(name, shape)
    end: DetectionEnd | None = None
    for layer in net.layers:
        if layer.type in ENDS:
            end = ENDS[layer.type](graph, layer)
        else:
            graph.bind(layer, LAYERS[layer.type](graph, layer))
    content = _written(graph, inputs, _outputs(graph, end, outputs), end)
    picture = next((name for name, shape in inputs.items() if len(shape) == 4), "")
    rank = [*inputs].index(picture) if picture else 0
    return Converted(content, end if outputs is None else None, picture, rank)


def layer_top(prototxt: str, name: str, index: int) -> str:
    """Return the top of that index of a layer; raises ModelRefusedError where there is none."""
    found = [layer for layer in read_layers(prototxt) if layer.name == name]
    if not found or index >= len(found[0].top):
        what = f"There is no output {index} of a layer {name!r}."
        refuse_caffe(what, "--out_nodes takes layer:index, as in the prototxt, from 0.")
    return str(found[0].top[index])


def _with_shapes(net: CaffeNet, given: Mapping[str, Shape]) -> dict[str, Shape]:
    names = [name for name, _ in net.inputs]
    unknown = [name for name in given if name not in names]
    if unknown:
        what = f"There is no input {unknown[0]!r}."
        refuse_caffe(what, f"The network's inputs are: {', '.join(names)}.")
    found = {name: given.get(name, shape) for name, shape in net.inputs}
    for name, shape in found.items():
        if not shape or min(shape) < 1:
            what = f"The input {name!r} has the shape {list(shape)}."
            refuse_caffe(what, f"Fix it: --input_shape='{name}:1,3,416,416'.")
    return found


def _outputs(graph: Graph, end: DetectionEnd | None, asked: Sequence[str] | None) -> dict[str, str]:
    if asked is not None:
        found = {blob: graph.value_of(blob) for blob in asked}
        for blob, value in found.items():
            if value is None or graph.reserved(value):
                what = f"There is no output {blob!r}."
                refuse_caffe(what, "Name the top of a layer that is not Yolo or after one.")
        return {blob: value for blob, value in found.items() if value}
    if end:
        return dict(end.outputs)
    ends = graph.ends()
    for blob, value in ends.items():
        if graph.reserved(value):
            what = f"Nothing reads {blob!r}, which a layer of type Yolo makes."
            refuse_caffe(what, "Behind three of them stands one of type YoloV3DetectionOutput.")
    if not ends:
        refuse_caffe("The prototxt has inputs only.", "Give it layers.")
    return ends


def _written(
    graph: Graph, inputs: Mapping[str, Shape], outputs: Mapping[str, str], end: DetectionEnd | None
) -> bytes:
    names = {blob: blob if blob not in inputs else f"{blob}_out" for blob in outputs}
    nodes = [*graph.nodes]
    nodes += [helper.make_node("Identity", [outputs[b]], [names[b]]) for b in outputs]
    nodes, used = _needed(nodes, names.values())
    constants = [item for item in graph.constants if item.name in used]
    further = _further(inputs, end)
    for name, values in further.items():
        constants.append(numpy_helper.from_array(values, name))
    made = helper.make_graph(
        nodes,
        "caffe",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [
            helper.make_tensor_value_info(names[blob], TensorProto.FLOAT, graph.shape(value))
            for blob, value in outputs.items()
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    if further:
        helper.set_model_props(model, {INPUTS: "\n".join(inputs)})
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _needed(
    nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]
) -> tuple[list[onnx.NodeProto], set[str]]:
    """Return the nodes that the outputs need, in their order, and all values that these read."""
    used = set(outputs)
    kept = []
    for node in reversed(nodes):
        if used.intersection(node.output):
            kept.append(node)
            used.update(node.input)
    return kept[::-1], used


def _further(inputs: Mapping[str, Shape], end: DetectionEnd | None) -> dict[str, Any]:
    """Return a value for each input besides the picture: the size that its end would scale by.

    [height, width, height, width]: boxes in pixels of the network's input.
    """
    pictures = [name for name, shape in inputs.items() if len(shape) == 4]
    found: dict[str, Any] = {}
    for name, shape in inputs.items():
        if name in pictures[:1]:
            continue
        if not end or name != end.info or len(shape) != 2 or shape[1] != 4 or not pictures:
            what = f"The network reads {name!r} {list(shape)} besides a picture."
            way_out = "Fleet feeds a picture, and its size [N, 4] to a YoloV3DetectionOutput."
            refuse_caffe(what, way_out)
        _, _, height, width = inputs[pictures[0]]
        found[name] = np.tile(np.array([height, width] * 2, np.float32), (shape[0], 1))
    return found
