"""Small networks that look at a whole picture: classifiers and feature extractors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from networks import Length, serialized
from onnx import TensorProto, helper

SIZE = (32, 64)
"""Height and width of their input."""
GAIN = 5.0
COLOURS = ("red", "green", "blue")
NORMAL = {"task": "classify", "names": "{0: 'red', 1: 'green', 2: 'blue'}", "imgsz": "[32, 64]"}
"""What Ultralytics writes for a classifier."""


def means_network(
    *last: str,
    batch: Length = 1,
    sides: tuple[Length, Length] = SIZE,
    metadata: Mapping[str, str] | None = None,
    flat: bool = True,
) -> bytes:
    """Build a network whose numbers are the means of the channels, times `GAIN`.

    `last`: operators after them, in order. Without `flat` the output is [N, 3, 1, 1].
    """
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["mean"]),
        helper.make_node("Mul", ["mean", "gain"], ["number0"]),
    ]
    steps = [*(["Flatten"] if flat else []), *last]
    for at, operator in enumerate(steps):
        nodes.append(helper.make_node(operator, [f"number{at}"], [f"number{at + 1}"]))
    nodes.append(helper.make_node("Identity", [f"number{len(steps)}"], ["output0"]))
    shape = (batch, 3) if flat else (batch, 3, 1, 1)
    content = serialized(
        nodes,
        [("images", TensorProto.FLOAT, (batch, 3, *sides))],
        [("output0", TensorProto.FLOAT, shape)],
        {"gain": np.array(GAIN, np.float32)},
        17,
    )
    model = onnx.load_model_from_string(content)
    helper.set_model_props(model, dict(metadata or {}))
    changed: bytes = model.SerializeToString()
    return changed
