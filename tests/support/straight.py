"""ONNX files as exporters leave them, and the rows that runs straight from them have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from layouts import ULTRALYTICS
from networks import colour_network

import fleet


def export(
    path: Path, content: bytes | None = None, metadata: Mapping[str, str] = ULTRALYTICS
) -> Path:
    """Write an export of YOLOv8's layout with open sizes, or another network, with metadata."""
    model = onnx.load_model_from_string(
        colour_network(lengths=("n", "h", "w")) if content is None else content
    )
    onnx.helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())
    return path


def rows(output: Path) -> list[dict[str, object]]:
    """Return the detections of an output, in order."""
    table = fleet.read(str(output)).table("detections").to_table()
    found: list[dict[str, object]] = table.sort_by([("frame", "ascending")]).to_pylist()
    return found
