"""Networks with channels last, the picture's size as an input, or an older opset."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from networks import LABELS, plain_network, serialized
from numpy.typing import NDArray
from onnx import TensorProto, helper

from fleet.ascend.soc import soc
from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model
from fleet.models.session import open_session

CHIP = soc("Ascend310")
FLOAT = TensorProto.FLOAT


def means(axes: list[int], shape: tuple[int, ...], opset: int = 17) -> bytes:
    """A network of YOLOv8's layout, whose classes are the means of the channels."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["scores"]),
        helper.make_node("Concat", ["box", "scores"], ["output0"], axis=1),
    ]
    weights: dict[str, NDArray[Any]] = {
        "column": np.array([1, 3, 1], np.int64),
        "box": np.array([20, 10, 8, 4], np.float32).reshape(1, 4, 1),
    }
    outputs = [("output0", FLOAT, (1, 7, 1))]
    return serialized(nodes, [("images", FLOAT, shape)], outputs, weights, opset)


def put_out(om: bytes) -> list[NDArray[Any]]:
    """What a compiled model makes of one picture, [1, 3, 32, 64]."""
    picture = np.random.default_rng(1).random((1, 3, 32, 64), np.float32)
    name = read_card(om, "made.om").input_name
    outputs: list[NDArray[Any]] = open_session(om, "made.om").run(None, {name: picture})
    return outputs


@pytest.mark.parametrize("opset", [9, 10, 11, 17])
def test_channels_last_and_older_opsets_make_the_same(opset: int) -> None:
    """The same input and the same numbers as of the network with channels first."""
    options: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "name": "made", "soc": CHIP}
    first = compile_model(means([2, 3], (1, 3, 32, 64), opset), **options)
    last = compile_model(means([1, 2], (1, 32, 64, 3), opset), **options)
    assert read_card(last, "made.om").size == Size(64, 32)
    assert read_card(last, "made.om").opset == max(opset, 11)
    np.testing.assert_allclose(put_out(last)[0], put_out(first)[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("image_info", (1, 2), (32, 64)),
        ("img_info", (1, 4), (32, 64, 32, 64)),
        ("orig_target_sizes", (1, 2), (64, 32)),
        ("scale_factor", (1, 2), (1, 1)),
    ],
)
def test_the_size_of_the_picture_is_a_constant(
    name: str, shape: tuple[int, int], expected: tuple[int, ...]
) -> None:
    """A row of six that holds it, as its exporter orders it."""
    rest = 6 - shape[1]
    nodes = [
        helper.make_node("Concat", [name, "rest"], ["row"], axis=1),
        helper.make_node("Reshape", ["row", "three"], ["output0"]),
    ]
    weights: dict[str, NDArray[Any]] = {
        "rest": np.zeros((1, rest), np.float32),
        "three": np.array([1, 1, 6], np.int64),
    }
    inputs = [(name, FLOAT, shape), ("images", FLOAT, (1, 3, 32, 64))]
    content = serialized(nodes, inputs, [("output0", FLOAT, (1, 1, 6))], weights, 17)
    om = compile_model(content, head="end2end", labels=LABELS, name="made", soc=CHIP)
    assert tuple(put_out(om)[0][0, 0, : len(expected)]) == expected
    assert [item.name for item in onnx.load_model_from_string(om).graph.input] == ["images"]


def test_another_second_input_is_refused() -> None:
    """By name."""
    content = plain_network(("x", FLOAT, (1, 3, 32, 64)), ("image_info", FLOAT, (1, 7)))
    with pytest.raises(ModelRefusedError, match=r"2 inputs \(x, image_info\)"):
        compile_model(content, head="yolov8", labels=LABELS, name="made", soc=CHIP)
