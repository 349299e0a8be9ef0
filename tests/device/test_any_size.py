"""Networks of convolutions are compiled for another size than they were exported with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from networks import compiled, serialized
from numpy.typing import NDArray
from onnx import TensorProto, helper

from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.job.toml_text import packaged_job
from fleet.models.card import read_card
from fleet.models.compiler.canvas import bound_by
from fleet.models.session import open_session

OWN, WIDE = Size(64, 32), Size(96, 48)
FLOAT = TensorProto.FLOAT
Weights = dict[str, NDArray[Any]]


def network(nodes: Sequence[onnx.NodeProto], weights: Weights | None = None) -> bytes:
    """Make a network of nodes from "images" to "out", whose input is fixed at OWN."""
    lengths = (1, 3, OWN.height, OWN.width)
    some = {"kernel": np.arange(81, dtype=np.float32).reshape(3, 3, 3, 3) / 81}
    outputs = [("out", FLOAT, ("n", "c", "h", "w"))]
    return serialized(nodes, [("images", FLOAT, lengths)], outputs, some | (weights or {}), 17)


def node(operator: str, *inputs: str, to: str = "out", **attributes: Any) -> onnx.NodeProto:
    """Make a node; its first input is the picture where none is named."""
    return helper.make_node(operator, list(inputs) or ["images"], [to], name=operator, **attributes)


CONV = node("Conv", "images", "kernel", to="mixed")
FREE: list[tuple[list[onnx.NodeProto], Weights]] = [
    ([CONV, node("LeakyRelu", "mixed")], {}),
    ([CONV, node("Mul", "mixed", "each")], {"each": np.ones((3, 1, 1), np.float32)}),
    ([CONV, node("Add", "mixed", "one")], {"one": np.float32(1) * np.ones((), np.float32)}),
    ([node("Constant", to="two", value_float=2.0), CONV, node("Mul", "mixed", "two")], {}),
    ([CONV, node("Sigmoid", "mixed", to="s"), node("Concat", "mixed", "s", axis=1)], {}),
    ([CONV, node("MaxPool", "mixed", kernel_shape=[2, 2], strides=[2, 2])], {}),
    (
        [CONV, node("Resize", "mixed", "", "scales", mode="nearest")],
        {"scales": np.array([1, 1, 2, 2], np.float32)},
    ),
]
GRID: Weights = {
    "grid": np.ones((1, 3, 16, 32), np.float32),
    "scales": np.array([1, 1, 2, 2], np.float32),
}
BOUND: list[tuple[str, list[onnx.NodeProto], Weights]] = [
    ("Reshape", [node("Reshape", "images", "to")], {"to": np.array([1, 3, -1, 8], np.int64)}),
    ("Flatten", [node("Flatten")], {}),
    ("GlobalAveragePool", [node("GlobalAveragePool")], {}),
    ("Softmax", [node("Softmax")], {}),
    ("Add", [node("Add", "images", "grid")], {"grid": np.ones((1, 3, 32, 64), np.float32)}),
    ("Mul", [node("Mul", "images", "column")], {"column": np.ones((3, 32, 1), np.float32)}),
    ("Mul", [node("Mul", "images", "row")], {"row": np.ones(64, np.float32)}),
    (
        "Add",
        [node("Constant", to="row", value_floats=[1.0] * 64), node("Add", "images", "row")],
        {},
    ),
    ("Concat", [node("Concat", "images", "images", axis=2)], {}),
    (
        "Resize",
        [node("Resize", "images", "", "", "sizes", mode="nearest")],
        {"sizes": np.array([1, 3, 64, 128], np.int64)},
    ),
    (
        "Resize",
        [
            node(
                "Resize",
                *("images", "part", "scales"),
                coordinate_transformation_mode="tf_crop_and_resize",
            )
        ],
        {
            "part": np.array([0, 0, 0, 0, 1, 1, 0.5, 0.5], np.float32),
            "scales": np.array([1, 1, 2, 2], np.float32),
        },
    ),
    ("Resize", [node("Resize", "grid", "", "scales")], GRID),
    ("ConvTranspose", [node("ConvTranspose", "images", "kernel", output_shape=[32, 64])], {}),
    # The average of a picture: at another size, of each of its parts.
    (
        "AveragePool",
        [
            node("AveragePool", "images", to="mean", kernel_shape=[32, 64], strides=[32, 64]),
            node("Sigmoid", "mean"),
        ],
        {},
    ),
    ("MaxPool", [node("MaxPool", kernel_shape=[1, 64])], {}),
    ("Conv", [node("Conv", "images", "all")], {"all": np.ones((4, 3, 32, 64), np.float32)}),
]


@pytest.mark.parametrize(("nodes", "weights"), FREE, ids=lambda value: str(len(value)))
def test_what_is_free_of_a_size_does_the_same_at_each_place(
    nodes: list[onnx.NodeProto], weights: Weights
) -> None:
    """A larger picture gives what a smaller one gives, where both have the same pixels around."""
    content = network(nodes, weights)
    assert not bound_by(onnx.load_model_from_string(content).graph)
    wide = np.random.default_rng(1).random((1, 3, WIDE.height, WIDE.width), np.float32)
    small = np.ascontiguousarray(wide[..., : OWN.height, : OWN.width])
    found = []
    for size, picture in ((OWN, small), (WIDE, wide)):
        om = compiled(content, head="raw", labels=(), size=size)
        assert read_card(om, "made.om").size == size
        found.append(np.asarray(open_session(om, "made").run(None, {"images": picture})[0]))
    rows, columns = found[0].shape[2:]
    assert found[1].shape[2] > rows
    np.testing.assert_allclose(found[1][..., :rows, :columns], found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("by", "nodes", "weights"), BOUND)
def test_what_may_hold_places_or_lengths_keeps_its_size(
    by: str, nodes: list[onnx.NodeProto], weights: Weights
) -> None:
    """It is named, with the way out; at its own size the check asks nothing of it."""
    content = network(nodes, weights)
    with pytest.raises(ModelRefusedError, match=rf"fixed at 64x32, and {by} {by} may") as refused:
        compiled(content, head="raw", labels=(), size=WIDE)
    assert "Export it again at 96x48." in refused.value.way_out


def test_sizes_as_parts_of_the_picture_are_those_of_its_own_size() -> None:
    """FastestDet's boxes are as wide as a part of the canvas, which it learned at one size."""
    channels = {"six": np.ones((6, 3, 16, 16), np.float32)}
    content = network([node("Conv", "images", "six", strides=[16, 16])], channels)
    options = {"head": "fastestdet", "labels": ("car",)}
    assert read_card(compiled(content, **options), "made.om").size == OWN
    with pytest.raises(
        ModelRefusedError, match=r"fixed at 64x32, and .* as parts of that"
    ) as refused:
        compiled(content, **options, size=WIDE)
    assert refused.value.way_out == "Train it at 96x48, and export it again."


def test_the_street_detector_spares_its_borders() -> None:
    """As if it had been exported with an open size, at 256 of 416 rows of what it computes."""
    fixed = packaged_job("street/street.onnx").read_bytes()
    opened = onnx.load_model_from_string(fixed)
    for length, name in zip(
        opened.graph.input[0].type.tensor_type.shape.dim[2:], "hw", strict=True
    ):
        length.dim_param = name
    wide = Size(416, 256)
    om, usual = (compiled(fixed, labels=None, head=None, size=size) for size in (wide, None))
    card = read_card(om, "street.om")
    assert card.size == wide
    assert card.macs * 416 == read_card(usual, "street.om").macs * 256
    open_om = compiled(opened.SerializeToString(), labels=None, head=None, size=wide)
    assert card.digest == read_card(open_om, "street.om").digest
    with pytest.raises(ModelRefusedError, match=r"does not run it.*Concat"):
        compiled(fixed, labels=None, head=None, size=Size(400, 256))
