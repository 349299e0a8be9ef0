"""Networks brought to int8: what of them, how near they stay, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from networks import colour_network, compiled, serialized
from numpy.typing import NDArray
from onnx import TensorProto, helper

from fleet.ascend.soc import CHIPS
from fleet.errors import ModelRefusedError
from fleet.models.card import Calibration, read_card
from fleet.models.compiler.compile import describe
from fleet.models.compiler.quantise import check_quantisable, last_nodes, quantise
from fleet.models.session import open_session

FLOAT = TensorProto.FLOAT
CALIBRATION = Calibration("s3://archive/street", 200, 7, "ab" * 32)
SIDE = 16


def layers(*, opset: int = 17, names: bool = True) -> bytes:
    """Build a network of two convolutions whose output joins pixels, 0..64, and scores, 0..1."""
    rng = np.random.default_rng(5)
    weights: dict[str, NDArray[Any]] = {
        "w": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        # One channel is a hundred times as strong: a single scale would round the others away.
        "v": (rng.normal(0, 0.3, (5, 8, 1, 1)) * [[[[100]]], *[[[[1]]]] * 4]).astype(np.float32),
        "large": np.array([64], np.float32),
        "parts": np.array([4, 1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["d"]),
        helper.make_node("Split", ["d", "parts"], ["e", "scores"], axis=1),
        helper.make_node("Mul", ["e", "large"], ["pixels"]),
        helper.make_node("Concat", ["pixels", "scores"], ["out"], axis=1),
    ]
    for number, node in enumerate(nodes if names else []):
        node.name = f"node {number}"
    half = SIDE // 2
    return serialized(
        nodes,
        [("images", FLOAT, (1, 3, SIDE, SIDE))],
        [("out", FLOAT, (1, 5, half, half))],
        weights,
        opset,
    )


def pictures(count: int) -> list[NDArray[np.float32]]:
    """What a network is fed: random numbers in 0..1."""
    rng = np.random.default_rng(3)
    return [rng.random((1, 3, SIDE, SIDE), np.float32) for _ in range(count)]


def run(content: bytes, feed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the one output of a network."""
    (out,) = open_session(content, "made").run(None, {"images": feed})
    return np.asarray(out, np.float32)


@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("names", [True, False])
def test_a_network_in_int8_stays_near(opset: int, names: bool) -> None:
    """On pictures that it was not calibrated on: pixels and scores, each by their own range."""
    if opset < 13:
        model = onnx.load_model_from_string(layers(names=names))
        # Split takes its parts as an attribute there.
        node = next(node for node in model.graph.node if node.op_type == "Split")
        del node.input[1]
        node.attribute.append(helper.make_attribute("split", [4, 1]))
        del model.graph.initializer[-1]
        model.opset_import[0].version = opset
        content = model.SerializeToString()
    else:
        content = layers(opset=opset, names=names)
    *calibrated, other = pictures(20)
    small = quantise(content, "made", calibrated)
    exact, near = run(content, other), run(small, other)
    assert not np.array_equal(exact, near)
    np.testing.assert_allclose(near[:, :4], exact[:, :4], atol=64 * 0.05)
    np.testing.assert_allclose(near[:, 4], exact[:, 4], atol=0.05)
    operators = [node.op_type for node in onnx.load_model_from_string(small).graph.node]
    assert operators.count("Conv") == 2
    assert "QuantizeLinear" in operators


def test_the_weights_are_bytes_and_what_is_behind_them_is_not_rounded() -> None:
    """One scale a channel; the values that make boxes and scores keep their precision."""
    graph = onnx.load_model_from_string(quantise(layers(), "made", pictures(4))).graph
    kinds = {item.name: (item.data_type, list(item.dims)) for item in graph.initializer}
    kernels = [dims for kind, dims in kinds.values() if kind == TensorProto.INT8 and len(dims) == 4]
    assert kernels == [[8, 3, 3, 3]]
    assert any(kind == FLOAT and dims == [8] for kind, dims in kinds.values())
    assert (FLOAT, [5, 8, 1, 1]) in kinds.values()
    rounded = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        if node.op_type in {"Sigmoid", "Split", "Mul", "Concat"}:
            assert not rounded.intersection(node.input)


def test_seven_bits_of_weights_saturate_nowhere() -> None:
    """Two products of a byte and a weight fit into 16 bits, as older processors add them."""
    graph = onnx.load_model_from_string(quantise(layers(), "made", pictures(4))).graph
    weights = [
        onnx.numpy_helper.to_array(item) for item in graph.initializer
        if item.data_type == TensorProto.INT8 and len(item.dims) == 4
    ]  # fmt: skip
    assert weights
    assert max(int(np.abs(values.astype(int)).max()) for values in weights) * 255 * 2 < 2**15


def test_the_same_pictures_make_the_same_bytes() -> None:
    """And other pictures others."""
    once, again = (quantise(layers(), "made", pictures(6)) for _ in range(2))
    brighter = [2 * picture for picture in pictures(6)]
    assert once == again != quantise(layers(), "made", brighter)
    assert [item.domain for item in onnx.load_model_from_string(once).opset_import] == [""]


def test_the_last_layers_are_found() -> None:
    """On every way to an output, with what lies behind them."""
    graph = onnx.load_model_from_string(layers()).graph
    found = sorted(node.name for node in last_nodes(graph))
    assert found == ["node 2", "node 3", "node 4", "node 5", "node 6"]
    graph.node.append(helper.make_node("Conv", ["b", "v"], ["beside"], name="node 7"))
    assert sorted(node.name for node in last_nodes(graph)) == [*found, "node 7"]
    graph.node.append(helper.make_node("Gemm", ["out", "v"], ["end"], name="node 8"))
    assert [node.name for node in last_nodes(graph)] == ["node 8", "node 7"]


def test_the_card_says_how_it_was_calibrated() -> None:
    """Another digest, at the chip's speed in int8; cards without it are as before."""
    plain_om = compiled(deeper())
    small = quantise(plain_om, "made", [np.ones((1, 3, 32, 64), np.float32)])
    plain = read_card(plain_om, "plain.om")
    om = compiled(small, calibration=CALIBRATION)
    card = read_card(om, "made.om")
    assert card.calibration == CALIBRATION
    assert plain.calibration is None
    assert "calibration" not in plain.to_json()
    other = compiled(small, calibration=Calibration("s3://archive/street", 200, 8, "ab" * 32))
    assert len({plain.digest, card.digest, read_card(other, "other.om").digest}) == 3
    assert card.macs == plain.macs
    assert card.workspace_bytes == plain.workspace_bytes
    for chip in CHIPS.values():
        assert card.chip_s(chip) == pytest.approx(plain.chip_s(chip) / 2, rel=0.1)
    said = "int8        calibrated on 200 frames of s3://archive/street, seed 7 (abababababab)"
    assert said in describe(card)
    assert "int8" not in describe(plain)


def deeper() -> bytes:
    """Build the network of colours with a second convolution before its only one."""
    model = onnx.load_model_from_string(colour_network())
    model.graph.node[1].input[0] = "deep"
    model.graph.node.insert(1, helper.make_node("Conv", ["pixels", "eye"], ["deep"]))
    content: bytes = model.SerializeToString()
    return content


def half() -> bytes:
    """A network whose weights are float16."""
    model = onnx.load_model_from_string(layers())
    for item in model.graph.initializer:
        if item.data_type == FLOAT:
            values = onnx.numpy_helper.to_array(item).astype(np.float16)
            item.CopyFrom(onnx.numpy_helper.from_array(values, item.name))
    content: bytes = model.SerializeToString()
    return content


def without_weights() -> bytes:
    """A network of one operator."""
    node = helper.make_node("Relu", ["images"], ["out"])
    shape = (1, 3, SIDE, SIDE)
    return serialized([node], [("images", FLOAT, shape)], [("out", FLOAT, shape)], {}, 17)


def test_what_cannot_be_quantised_is_refused() -> None:
    """In float16, without weights, or in int8 already."""
    cases = {
        "its weights are float16": half(),
        "it has no Conv, ConvTranspose, Gemm, MatMul": without_weights(),
        "it is quantised already": quantise(layers(), "made", pictures(2)),
    }
    for said, content in cases.items():
        with pytest.raises(ModelRefusedError, match=said):
            check_quantisable(content, "made")
        with pytest.raises(ModelRefusedError, match=said):
            quantise(content, "made", pictures(2))


def test_the_real_detector_stays_near(fastestdet_onnx: Path, coco_names: Path) -> None:
    """FastestDet, of opset 11, with its depthwise convolutions."""
    labels = tuple(coco_names.read_text().splitlines())
    om = compiled(fastestdet_onnx.read_bytes(), head="fastestdet", labels=labels, name="f")
    rng = np.random.default_rng(1)
    feeds = [rng.random((1, 3, 352, 352), np.float32) for _ in range(3)]
    again = compiled(
        quantise(om, "f", feeds), head="fastestdet", labels=labels, name="f", calibration=CALIBRATION
    )  # fmt: skip
    card = read_card(again, "f.om")
    assert card.weight_bytes < 0.7 * read_card(om, "f.om").weight_bytes


def test_a_network_that_was_fed_nothing_is_not_made() -> None:
    """The ranges are what pictures reach."""
    with pytest.raises(ValueError, match="No data"):
        quantise(layers(), "made", [])
