"""The head of FastestDet (github.com/dog-qiuqiu/FastestDet): one grid of cells, a box in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size
from fleet.models.heads.head import Candidates, Claim, Head, Shape, Traits

OBJECT_POWER, CLASS_POWER = 0.6, 0.4
BEFORE_CLASSES = 5
STRIDE = 16


@dataclass(frozen=True)
class FastestDet(Head):
    """A head for outputs float32 [N, 5 + classes, grid height, grid width].

    Channel 0 is the objectness, 1..4 are the box, the rest the classes; objectness and classes are
    activated. For the cell in row i and column j the score is objectness^0.6 * best class^0.4, the
    centre ((j + tanh c1) / grid width, (i + tanh c2) / grid height), the size (sigmoid c3, sigmoid
    c4), all relative to the canvas. Such networks are trained on pictures that are squeezed to the
    canvas, BGR, 0..1. See Head for the fields.
    """

    order: ChannelOrder = ChannelOrder.BGR
    fit: Fit = Fit.STRETCH
    per_class: bool = False
    in_parts: ClassVar[bool] = True

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there is one map of 5 + classes channels, with cells of 16 pixels."""
        if (shape := traits.only(4)) and traits.are(classes := shape[1] - BEFORE_CLASSES):
            grid = Size(traits.canvas.width // STRIDE, traits.canvas.height // STRIDE)
            if (shape[3], shape[2]) == (grid.width, grid.height):
                return Claim(classes, f"one map of {grid} cells of 16 pixels, {classes} classes")
        return None

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not [N, 5 + labels, grid height, grid width]; see Head."""
        del canvas
        if len(outputs) != 1 or len(outputs[0]) != 4:
            return "it reads one output [N, 5 + classes, grid height, grid width]"
        if (classes := outputs[0][1] - BEFORE_CLASSES) != labels:
            return f"the output has {classes} classes and there are {labels} labels"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read [N, 5 + classes, grid height, grid width]; see Head."""
        return [_picture(grid, canvas, threshold) for grid in outputs[0]]


def _picture(grid: NDArray[np.float32], canvas: Size, threshold: float) -> Candidates:
    _, height, width = grid.shape
    by_cell = grid.reshape(len(grid), -1)
    at = np.flatnonzero(by_cell[0] > _least_objectness(threshold))
    cells = by_cell.take(at, axis=1)
    classes = cells[BEFORE_CLASSES:]
    best = classes.argmax(axis=0)
    best_class = classes[best, np.arange(len(at))]
    score = cells[0] ** OBJECT_POWER * best_class**CLASS_POWER
    found = np.flatnonzero(score > threshold)
    xyxy = _boxes(cells[1:BEFORE_CLASSES].take(found, axis=1), at[found], Size(width, height))
    side = np.array([canvas.width, canvas.height] * 2, np.float32)
    return Candidates(xyxy * side, score[found], best[found].astype(np.int32))


def _least_objectness(threshold: float) -> float:
    # A class is at most 1, so that the score cannot pass where the objectness alone does not. The
    # margin is far above the rounding of float32 and of a softmax that sums to a little over 1.
    return float(max(0.0, threshold) ** (1 / OBJECT_POWER) * 0.999)


def _boxes(raw: NDArray[np.float32], at: NDArray[np.intp], grid: Size) -> NDArray[np.float32]:
    """Return x1, y1, x2, y2 relative to the canvas, [n, 4], of cells numbered row by row."""
    position = np.array([at % grid.width, at // grid.width])
    centre = (position + np.tanh(raw[0:2])) / np.array([[grid.width], [grid.height]])
    half = 0.5 / (1 + np.exp(-raw[2:4]))
    corners = np.empty((len(at), 4), np.float32)
    np.subtract(centre, half, out=corners[:, :2].T, casting="same_kind")
    np.add(centre, half, out=corners[:, 2:].T, casting="same_kind")
    return corners
