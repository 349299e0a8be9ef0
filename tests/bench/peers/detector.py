"""The model as a user would call it with ONNX Runtime and NumPy: FastestDet, or the street detector.

Every peer runs this one. It imports nothing of Fleet, so that it runs in an environment of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

THRESHOLD, OVERLAP = 0.4, 0.45
GREY = 128

Boxes = NDArray[np.float32]
"""float32 [N, 6]: x1, y1, x2, y2 in pixels of the source, score, class."""


class Detector:
    """A network on one thread, with what makes pictures into its input and its output into boxes."""

    def __init__(self, path: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        (given,) = self._session.get_inputs()
        self._name = given.name
        self._anchors = _anchors(self._session.get_modelmeta().custom_metadata_map)
        self.side = int(given.shape[2])
        self.letterbox = bool(self._anchors)
        """Whether pictures keep their shape, with a border; else they are stretched."""
        self.layout = "rgb24" if self.letterbox else "bgr24"
        """Of the pictures that it takes, by libav's name."""

    def scaled_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that a picture of a size is brought to, before a border is put on."""
        if not self.letterbox:
            return self.side, self.side
        scale = self.side / max(width, height)
        return round(width * scale / 2) * 2, round(height * scale / 2) * 2

    def __call__(self, picture: NDArray[np.uint8], width: int, height: int) -> Boxes:
        """Detect in a picture [height, width, 3] of the scaled size; the source has the other."""
        high, wide = picture.shape[:2]
        if (wide, high) != (self.side, self.side):
            canvas = np.full((self.side, self.side, 3), GREY, np.uint8)
            top, left = (self.side - high) // 2, (self.side - wide) // 2
            canvas[top : top + high, left : left + wide] = picture
        else:
            canvas, top, left = picture, 0, 0
        tensor = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32) / 255
        outputs = self._session.run(None, {self._name: tensor})
        found = _yolo(outputs, self._anchors, self.side) if self._anchors else _grid(outputs[0][0])
        if not self._anchors:
            found[:, :4] *= self.side
        found[:, 0:4:2] = (found[:, 0:4:2] - left) * (width / wide)
        found[:, 1:4:2] = (found[:, 1:4:2] - top) * (height / high)
        return _suppressed(found)


def _anchors(metadata: dict[str, str]) -> list[Boxes]:
    groups = [text.split() for text in metadata.get("fleet.anchors", "").split(";")]
    return [np.array([pair.split(",") for pair in group], np.float32) for group in groups if group]


def _grid(raw: NDArray[np.float32]) -> Boxes:
    """Read FastestDet's map [5 + classes, rows, columns]; boxes are fractions of the picture."""
    _, rows, columns = raw.shape
    score = raw[0] ** 0.6 * raw[5:].max(0) ** 0.4
    ys, xs = np.nonzero(score > THRESHOLD)
    box = raw[1:5, ys, xs]
    centre_x, centre_y = (xs + np.tanh(box[0])) / columns, (ys + np.tanh(box[1])) / rows
    wide, high = _sigmoid(box[2]) / 2, _sigmoid(box[3]) / 2
    sides = [centre_x - wide, centre_y - high, centre_x + wide, centre_y + high]
    kind = raw[5:, ys, xs].argmax(0)
    return np.stack([*sides, score[ys, xs], kind], 1).astype(np.float32)


def _yolo(outputs: list[Any], anchors: list[Boxes], side: int) -> Boxes:
    """Read YOLOv3's raw maps; boxes are in pixels of the network's input."""
    found = []
    for raw, group in zip((output[0] for output in outputs), anchors, strict=True):
        cells = raw.reshape(len(group), -1, *raw.shape[1:])
        which, ys, xs = np.nonzero(_sigmoid(cells[:, 4]) > THRESHOLD)
        chosen = cells[which, :, ys, xs]
        score = _sigmoid(chosen[:, 4]) * _sigmoid(chosen[:, 5:].max(1))
        centre = (_sigmoid(chosen[:, :2]) + np.stack([xs, ys], 1)) * (side / raw.shape[2])
        half = np.exp(chosen[:, 2:4]) * group[which] / 2
        kind = chosen[:, 5:].argmax(1)
        boxes = np.column_stack([centre - half, centre + half, score, kind])
        found.append(boxes[score > THRESHOLD])
    return np.concatenate(found).astype(np.float32)


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-values)), np.float32)


def _suppressed(found: Boxes) -> Boxes:
    found = found[found[:, 4].argsort(kind="stable")[::-1]]
    area = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    kept, left = [], np.arange(len(found))
    while len(left):
        first, rest = left[0], left[1:]
        kept.append(first)
        wide = np.minimum(found[first, 2], found[rest, 2]) - np.maximum(
            found[first, 0], found[rest, 0]
        )
        high = np.minimum(found[first, 3], found[rest, 3]) - np.maximum(
            found[first, 1], found[rest, 1]
        )
        common = np.clip(wide, 0, None) * np.clip(high, 0, None)
        left = rest[common / (area[first] + area[rest] - common) <= OVERLAP]
    return found[kept]
