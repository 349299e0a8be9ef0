"""The detector written straight down, and how well two lists of boxes agree."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import onnxruntime
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""float32 [n, 6]: x1, y1, x2, y2 in source pixels, score, class."""


def reference(model: Path, video: Path, every: int, threshold: float) -> dict[int, Boxes]:
    """Decode a video from start to end, run FastestDet on RGB pictures: frame number -> boxes."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    scaler, found = VideoReformatter(), {}
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every:
                continue
            small = scaler.reformat(frame, 352, 352, "bgr24", interpolation="BILINEAR")
            tensor = small.to_ndarray().transpose(2, 0, 1)[None].astype(np.float32) / 255
            (output,) = session.run(None, {name: tensor})
            found[number] = _decode(output[0], frame.width, frame.height, threshold)
    return found


def _decode(grid: NDArray[np.float32], width: int, height: int, threshold: float) -> Boxes:
    boxes = []
    _, rows, columns = grid.shape
    for i in range(rows):
        for j in range(columns):
            cell = grid[:, i, j]
            score = cell[0] ** 0.6 * cell[5:].max() ** 0.4
            if score <= threshold:
                continue
            x, y = (j + np.tanh(cell[1])) / columns, (i + np.tanh(cell[2])) / rows
            w, h = 1 / (1 + np.exp(-cell[3])), 1 / (1 + np.exp(-cell[4]))
            corners = [(x - w / 2) * width, (y - h / 2) * height]
            corners += [(x + w / 2) * width, (y + h / 2) * height]
            boxes.append([*corners, score, cell[5:].argmax()])
    return _suppress(np.array(boxes, np.float32).reshape(-1, 6))


def _suppress(boxes: Boxes, overlap: float = 0.45) -> Boxes:
    kept: list[NDArray[np.float32]] = []
    for box in boxes[boxes[:, 4].argsort(kind="stable")[::-1]]:
        if all(iou(box, other) <= overlap for other in kept):
            kept.append(box)
    return np.array(kept, np.float32).reshape(-1, 6)


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return float(common / both)


def partners(ours: dict[int, Boxes], theirs: dict[int, Boxes]) -> tuple[int, int]:
    """Count the boxes with score >= 0.5 on either side, and those that have a partner.

    A partner has the same label and an IoU of at least 0.7, on the other side of the same frame.
    """
    checked = matched = 0
    for number in ours.keys() | theirs.keys():
        empty = np.zeros((0, 6), np.float32)
        pair = (ours.get(number, empty), theirs.get(number, empty))
        for one, other in (pair, pair[::-1]):
            for box in one[one[:, 4] >= 0.5]:
                checked += 1
                same = other[other[:, 5] == box[5]]
                matched += any(iou(box, candidate) >= 0.7 for candidate in same)
    return matched, checked
