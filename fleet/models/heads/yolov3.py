"""The head of YOLOv3 and similar networks without post-processing: raw maps, each with anchors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size
from fleet.models.heads.anchors import Anchors
from fleet.models.heads.head import Candidates, Shape

BEFORE_CLASSES = 5
OBJECTNESS = 4
MOST_GROWTH = math.log(1000)
"""The limit for exp: a box 1000 times its anchor is larger than any picture, infinity is no box."""


@dataclass(frozen=True)
class YoloV3:
    """A head for outputs float32 [N, anchors * (5 + classes), grid height, grid width] of logits.

    There is one output a scale. For each anchor the channels are tx, ty, tw, th, objectness, then
    the classes. In the cell of row i and column j, on a map with a stride of s pixels, the centre
    is (s * (j + sigmoid tx), s * (i + sigmoid ty)), the size (anchor width * exp tw, anchor height
    * exp th), and the score sigmoid objectness * sigmoid of the best class (Redmon and Farhadi,
    "YOLOv3: An Incremental Improvement", section 2). Such networks are trained on letterboxed
    pictures, RGB, 0..1. See Head for the other fields.
    """

    anchors: Anchors = ()
    """The anchors of each output, in the order of the outputs."""
    order: ChannelOrder = ChannelOrder.RGB
    scale: float = 1 / 255
    fit: Fit = Fit.LETTERBOX
    iou: float = 0.45
    per_class: bool = True

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not one raw map for each group of anchors; see Head."""
        if not self.anchors:
            return "it needs the anchors of each output, such as --anchors '10,13 16,30; 62,45'"
        if len(outputs) != len(self.anchors):
            counts = f"groups of anchors: {len(self.anchors)}, outputs: {len(outputs)}"
            return f"{counts}; each output has one"
        reasons = (
            _map_mismatch(shape, len(group), labels, canvas)
            for shape, group in zip(outputs, self.anchors, strict=True)
        )
        return next((reason for reason in reasons if reason), None)

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read the maps of each picture, map by map, anchor by anchor, row by row; see Head."""
        groups = [np.array(group, np.float32) for group in self.anchors]
        pictures = zip(*outputs, strict=True)
        return [
            _joined(
                [
                    _map(raw, group, canvas, threshold)
                    for raw, group in zip(maps, groups, strict=True)
                ]
            )
            for maps in pictures
        ]


def _map_mismatch(shape: Shape, anchors: int, labels: int, canvas: Size) -> str | None:
    if len(shape) != 4:
        return "it reads raw maps [N, anchors * (5 + classes), grid height, grid width]"
    _, channels, rows, columns = shape
    wanted = anchors * (BEFORE_CLASSES + labels)
    if channels != wanted:
        return (
            f"{list(shape)} has {channels} channels; {anchors} anchors and {labels} labels "
            f"make {anchors} * (5 + {labels}) = {wanted}"
        )
    if canvas.width % columns or canvas.height % rows:
        return f"a grid of {columns}x{rows} cells does not divide the input of {canvas}"
    if canvas.width // columns != canvas.height // rows:
        return f"the cells of a grid of {columns}x{rows} on an input of {canvas} are not square"
    return None


def _map(
    raw: NDArray[np.float32], anchors: NDArray[np.float32], canvas: Size, threshold: float
) -> Candidates:
    """Read one map [anchors * (5 + classes), grid height, grid width] of one picture."""
    cells = raw.reshape(len(anchors), -1, *raw.shape[1:])
    which, rows, columns = np.nonzero(cells[:, OBJECTNESS] > _least_objectness(threshold))
    chosen = cells[which, :, rows, columns]
    classes = chosen[:, BEFORE_CLASSES:]
    score = _sigmoid(chosen[:, OBJECTNESS]) * _sigmoid(classes.max(axis=1))
    found = np.nonzero(score > threshold)[0]
    stride = canvas.width // raw.shape[2]
    cell = np.column_stack([columns[found], rows[found]]).astype(np.float32)
    xyxy = _boxes(chosen[found], cell, anchors[which[found]], stride)
    return Candidates(xyxy, score[found], classes[found].argmax(axis=1).astype(np.int32))


def _boxes(
    chosen: NDArray[np.float32],
    cell: NDArray[np.float32],
    anchors: NDArray[np.float32],
    stride: int,
) -> NDArray[np.float32]:
    centre = (_sigmoid(chosen[:, 0:2]) + cell) * np.float32(stride)
    growth = np.exp(np.minimum(chosen[:, 2:4], np.float32(MOST_GROWTH)))
    half = growth * anchors / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _least_objectness(threshold: float) -> float:
    # A class is at most 1, so that the score cannot pass where the objectness alone does not. The
    # margin, on the probability, is far above the rounding of a float32 sigmoid.
    least = threshold * (1 - 1e-5)
    if least <= 0:
        return -math.inf
    return math.log(least / (1 - least)) if least < 1 else math.inf


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    # exp of a very negative logit overflows to infinity, and the quotient is 0, as it should be.
    with np.errstate(over="ignore"):
        probability: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-logits))
    return probability


def _joined(maps: Sequence[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([found.xyxy for found in maps]),
        np.concatenate([found.score for found in maps]),
        np.concatenate([found.class_id for found in maps]),
    )
