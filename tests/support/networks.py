"""Small networks made on the spot, of the shapes that real ones have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fleet.ascend.soc import soc
from fleet.core.geometry import Size
from fleet.models.compiler.compile import compile_model

LABELS = ("first", "second", "third")
"""The labels of `colour_network`: one a channel."""

Length = int | str


def colour_network(
    boxes: Sequence[tuple[float, float, float, float]] = ((20.0, 10.0, 8.0, 4.0),),
    lengths: tuple[Length, Length, Length] = (1, 32, 64),
    opset: int = 17,
    dtype: int = TensorProto.FLOAT,
    only: Size | None = None,
) -> bytes:
    """Build a network of YOLOv8's layout whose classes are the mean of each input channel.

    `boxes`: centre x, centre y, width and height of its candidates. `lengths`: batch, height and
    width, a name where open. `only`: the one size that it runs at, though its input is open.
    """
    weights: dict[str, NDArray[Any]] = {
        "eye": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1),
        "boxes": np.array(boxes, np.float32).T[None],
        "repeat": np.array([1, 1, len(boxes)], np.int64),
        "ones": np.array([1, 1], np.int64),
        "zero": np.array([0], np.int64),
        "last": np.array([2], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["pixels", "eye"], ["mixed"]),
        helper.make_node("GlobalAveragePool", ["mixed"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "last"], ["column"]),
        helper.make_node("Tile", ["column", "repeat"], ["scores"]),
        helper.make_node("Shape", ["images"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["pictures"]),
        helper.make_node("Concat", ["pictures", "ones"], ["times"], axis=0),
        helper.make_node("Tile", ["boxes", "times"], ["placed"]),
        helper.make_node("Concat", ["placed", "scores"], ["output0"], axis=1),
    ]
    if only:
        weights["demand"] = np.zeros((1, 3, only.height, only.width), np.float32)
        nodes[1].input[0] = "demanded"
        nodes.insert(1, helper.make_node("Sub", ["pixels", "demand"], ["demanded"]))
    batch, height, width = lengths
    return serialized(
        nodes,
        inputs=[("images", dtype, (batch, 3, height, width))],
        outputs=[("output0", TensorProto.FLOAT, (batch, 7, len(boxes)))],
        weights=weights,
        opset=opset,
    )


def deeper(content: bytes | None = None) -> bytes:
    """Build a network of colours with a second convolution before its only one."""
    model = onnx.load_model_from_string(colour_network() if content is None else content)
    (at,) = [at for at, node in enumerate(model.graph.node) if node.op_type == "Conv"]
    first = helper.make_node("Conv", [model.graph.node[at].input[0], "eye"], ["deep"])
    model.graph.node[at].input[0] = "deep"
    model.graph.node.insert(at, first)
    made: bytes = model.SerializeToString()
    return made


def plain_network(
    *inputs: tuple[str, int, tuple[Length, ...]], operator: str = "Relu", domain: str = ""
) -> bytes:
    """Build a network of any inputs, whose output is its first input after one operator."""
    node = helper.make_node(operator, [inputs[0][0]], ["out"], domain=domain)
    return serialized([node], inputs, [("out", inputs[0][1], inputs[0][2])], {}, 17)


def serialized(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, tuple[Length, ...]]],
    outputs: Sequence[tuple[str, int, tuple[Length, ...]]],
    weights: dict[str, NDArray[Any]],
    opset: int,
) -> bytes:
    """Make an ONNX file of a graph."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(*item) for item in inputs],
        [helper.make_tensor_value_info(*item) for item in outputs],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("made.up", 1)]
    content: bytes = helper.make_model(
        graph, opset_imports=opsets, ir_version=8
    ).SerializeToString()
    return content


def flat_nv12(size: Size, yuv: tuple[int, int, int]) -> NDArray[np.uint8]:
    """One colour all over: NV12 uint8 [height * 3/2, width]."""
    nv12 = np.full((size.height * 3 // 2, size.width), yuv[0], np.uint8)
    nv12[size.height :, 0::2], nv12[size.height :, 1::2] = yuv[1:]
    return nv12


RED = (82, 90, 240)
"""Red in BT.601 narrow, the colour that is taken where a stream declares none."""
GREEN = (145, 54, 34)
BLUE = (41, 240, 110)


def compiled(content: bytes | None = None, **options: Any) -> bytes:
    """Compile a network of YOLOv8's layout, unless told otherwise."""
    asked: dict[str, Any] = {
        "head": "yolov8",
        "labels": LABELS,
        "name": "made",
        "soc": soc("Ascend310"),
    }
    asked |= options
    return compile_model(colour_network() if content is None else content, **asked)
