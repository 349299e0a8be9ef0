"""A detector for tests of the demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from networks import serialized
from onnx import TensorProto

from fleet.street.scene.clip import LABELS


def write_everywhere(path: Path) -> None:
    """Write a network that sees one of everything in the same places, and says how it is read."""
    channels = 5 + len(LABELS)
    content = serialized(
        [onnx.helper.make_node("Conv", ["images", "kernel", "bias"], ["map"], strides=[32, 32])],
        inputs=[("images", TensorProto.FLOAT, (1, 3, 64, 96))],
        outputs=[("map", TensorProto.FLOAT, (1, channels, 2, 3))],
        weights={
            "kernel": np.zeros((channels, 3, 32, 32), np.float32),
            "bias": np.full(channels, 2, np.float32),
        },
        opset=17,
    )
    model = onnx.load_model_from_string(content)
    notes = {"fleet.head": "yolov3", "fleet.labels": "\n".join(LABELS), "fleet.anchors": "20,24"}
    onnx.helper.set_model_props(model, notes)
    path.write_bytes(model.SerializeToString())
