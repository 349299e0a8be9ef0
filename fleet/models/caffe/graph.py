"""The ONNX graph that the layers are written into, one after the other, with known shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from fleet.models.caffe.read import Blobs, layer_title, refuse_caffe

Shape = tuple[int, ...]


Reserved = tuple[str, str, int, int]
"""What a top of a Yolo layer stands for: map, part, classes, boxes."""


class Graph:
    """Nodes and constants so far; a blob's name is that of its latest value, as Caffe's are.

    Layers may write their top over their bottom ("in place"), which ONNX does not know: each value
    gets a name that is used once.
    """

    def __init__(self, weights: Mapping[str, Blobs]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shapes: dict[str, Shape] = {}
        self._weights = weights
        self._value_of: dict[str, str] = {}
        self._unread: dict[str, None] = {}
        self._reserved: dict[str, Reserved] = {}
        self._count = 0

    def add_input(self, name: str, shape: Shape) -> None:
        """Declare a blob that is fed."""
        self._value_of[name] = name
        self.shapes[name] = shape

    def bottoms(self, layer: Any, count: int | None = None) -> list[str]:
        """Return the values of a layer's bottoms; raises ModelRefusedError for another number."""
        if count is not None and len(layer.bottom) != count:
            what = f"{layer_title(layer)} has {len(layer.bottom)} bottoms, not {count}."
            refuse_caffe(what, "Correct the prototxt.")
        for name in layer.bottom:
            if name not in self._value_of:
                what = f"{layer_title(layer)} reads {name!r}, which no layer before it makes."
                refuse_caffe(what, "Correct the prototxt.")
            self._unread.pop(name, None)
            if self._value_of[name] in self._reserved and layer.type != "YoloV3DetectionOutput":
                what = f"{layer_title(layer)} reads {name!r}, which a layer of type Yolo makes."
                refuse_caffe(what, "Only a YoloV3DetectionOutput may.")
        return [self._value_of[name] for name in layer.bottom]

    def shape(self, value: str) -> Shape:
        """Return the shape of a value."""
        return self.shapes[value]

    def bind(self, layer: Any, values: Sequence[str]) -> None:
        """Call values by the layer's tops; raises ModelRefusedError for another number of tops."""
        if len(values) != len(layer.top):
            what = f"{layer_title(layer)} has {len(layer.top)} tops, not {len(values)}."
            refuse_caffe(what, "Correct the prototxt.")
        for top, value in zip(layer.top, values, strict=True):
            self._value_of[top] = value
            self._unread[top] = None

    def ends(self) -> dict[str, str]:
        """Return the blobs that nothing reads, and the value of each, in the order of layers."""
        return {top: self._value_of[top] for top in self._unread}

    def value_of(self, blob: str) -> str | None:
        """Return the value of a blob, or None where there is none."""
        return self._value_of.get(blob)

    def blob_of(self, value: str) -> str:
        """Return the last blob that has a value."""
        return [blob for blob, held in self._value_of.items() if held == value][-1]

    def reserve(self, value: str, meaning: Reserved) -> None:
        """Note a value that no node makes."""
        self._reserved[value] = meaning

    def reserved(self, value: str) -> Reserved | None:
        """Return what a value stands for that no node makes; None for others."""
        return self._reserved.get(value)

    def node(self, operator: str, inputs: Sequence[str], shape: Shape, **attributes: Any) -> str:
        """Add a node with one output of that shape, and return the output."""
        return self.node_of_several(operator, inputs, [shape], **attributes)[0]

    def node_of_several(
        self, operator: str, inputs: Sequence[str], shapes: Sequence[Shape], **attributes: Any
    ) -> list[str]:
        """Add a node with an output of each shape, and return the outputs."""
        outputs = [self._fresh(operator) for _ in shapes]
        self.nodes.append(helper.make_node(operator, list(inputs), outputs, **attributes))
        self.shapes |= dict(zip(outputs, shapes, strict=True))
        return outputs

    def reshaped(self, value: str, shape: Shape) -> str:
        """Add a Reshape and return its output; a batch that stays is copied, as it may be open."""
        stays = shape[:1] == self.shape(value)[:1]
        written = np.array((0, *shape[1:]) if stays else shape, np.int64)
        return self.node("Reshape", [value, self.constant(written)], shape)

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        name = self._fresh("constant")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def blob(self, layer: Any, index: int, *shapes: Shape) -> NDArray[np.float32]:
        """Return a layer's blob in the first of these shapes; others hold the same numbers.

        Raises ModelRefusedError where the weights have none, or one of other shapes: they are of
        another network.
        """
        blobs = self._weights.get(layer.name, ())
        if index >= len(blobs):
            what = f"The weights hold {len(blobs)} blobs for {layer_title(layer)}"
            refuse_caffe(f"{what}, which needs {index + 1}.", "Are they of another network?")
        found = blobs[index]
        # Files of older versions pad shapes with ones in front.
        bare = tuple(found.shape)
        while len(bare) > 1 and bare[0] == 1 and bare not in shapes:
            bare = bare[1:]
        if bare not in shapes:
            what = f"{layer_title(layer)} takes a blob of {list(shapes[0])}, and the weights hold"
            refuse_caffe(f"{what} {list(found.shape)}.", "They are of another network.")
        return found.reshape(shapes[0])

    def _fresh(self, operator: str) -> str:
        self._count += 1
        return f"{operator.lower()}#{self._count}"
