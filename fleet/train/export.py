"""The export of the trained network as an ONNX file, with metadata on how to read it."""

from __future__ import annotations

import io
import warnings

import onnx
import torch

from fleet.models.heads import write_anchors
from fleet.street.scene.clip import LABELS
from fleet.train.data.pictures import CANVAS
from fleet.train.data.targets import ANCHORS, STRIDES
from fleet.train.network import StreetNet

OPSET = 17
LICENCE = "Apache-2.0"


def export_onnx(network: StreetNet) -> bytes:
    """Return the network as ONNX: float32 [N, 3, 416, 416], batch norm folded into convolutions.

    Its metadata holds what `fleet compile` needs, `fleet.head`, `fleet.labels` (one a line) and
    `fleet.anchors`, and `fleet.licence`.
    """
    outputs = [f"stride{stride}" for stride in STRIDES]
    file = io.BytesIO()
    was_training = network.training
    with warnings.catch_warnings():
        # The exporter that needs no further package warns that another one is the default.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, CANVAS.height, CANVAS.width),),
            file,
            opset_version=OPSET,
            input_names=["pictures"],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in ("pictures", *outputs)},
            dynamo=False,
        )
    network.train(was_training)
    model = onnx.load_model_from_string(file.getvalue())
    known = {
        "fleet.head": "yolov3",
        "fleet.labels": "\n".join(LABELS),
        "fleet.anchors": write_anchors(ANCHORS),
        "fleet.licence": LICENCE,
    }
    onnx.helper.set_model_props(model, known)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
