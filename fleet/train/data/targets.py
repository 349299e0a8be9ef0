"""The targets of the maps: which cell and anchor finds a figure, and which cells are not judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads import Anchors
from fleet.street.scene.truth import MOST_HIDDEN, SMALLEST_PX

ANCHORS: Anchors = (
    ((3.5, 9), (6, 16), (14, 11)),
    ((10, 27), (26, 18), (18, 48)),
    ((50, 32), (90, 70), (190, 130)),
)
"""Width and height in pixels, for the maps of STRIDES; a distant walker is 3 pixels wide."""
STRIDES = (4, 8, 16)
MOST_RATIO = 3.0
"""The largest ratio between a side of a figure and that of an anchor that is to find it."""


@dataclass(frozen=True, eq=False)
class MapTargets:
    """The targets of one map of a batch; m rows, one for each cell and anchor with a figure."""

    image: NDArray[np.int64]
    """[m], the picture's number in the batch."""
    anchor: NDArray[np.int64]
    """[m], the number of the map's anchor."""
    row: NDArray[np.int64]
    """[m], of the cell."""
    column: NDArray[np.int64]
    """[m], of the cell."""
    xyxy: NDArray[np.float32]
    """[m, 4], in pixels of the input."""
    label: NDArray[np.int64]
    """[m], the class."""
    judged: NDArray[np.bool_]
    """[N, rows, columns], False at a figure that is to be ignored: there the loss does not depend
    on the objectness."""


def ignored(truth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return for rows of truth (`Samples.truth`), bool [m], which figures are to be ignored."""
    mask: NDArray[np.bool_] = truth[:, 6] > MOST_HIDDEN
    return mask | (truth[:, 5] - truth[:, 3] < SMALLEST_PX)


def assign(
    truth: NDArray[np.float32], images: int, canvas: Size, anchors: Anchors = ANCHORS
) -> tuple[MapTargets, ...]:
    """Return the targets of each map, from the figures of a batch.

    `truth` is f32 [m, 7] as `Samples.truth`, with the picture's number in the batch in the first
    column. Every anchor that is close enough in shape, and in any case the closest one, has to find
    a figure, in the cell of the figure's centre, as YOLOv3 reaches no other cell. Of two figures
    for one cell and anchor the closer in shape gets it.
    """
    left_out = ignored(truth)
    wanted = truth[~left_out]
    sides = np.maximum(wanted[:, 4:6] - wanted[:, 2:4], 0.5)
    every = np.array([anchor for group in anchors for anchor in group], np.float32)
    ratio = sides[:, None] / every
    worst = np.maximum(ratio, 1 / ratio).max(axis=2)
    chosen = worst <= MOST_RATIO
    chosen[np.arange(len(wanted)), worst.argmin(axis=1) if len(wanted) else []] = True
    targets, start = [], 0
    for group, stride in zip(anchors, STRIDES, strict=True):
        part = slice(start, start + len(group))
        start += len(group)
        judged = _judged(truth[left_out], images, canvas, stride)
        targets.append(_map(wanted, chosen[:, part], worst[:, part], stride, judged))
    return tuple(targets)


def _map(
    wanted: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    worst: NDArray[np.float32],
    stride: int,
    judged: NDArray[np.bool_],
) -> MapTargets:
    figure, anchor = np.nonzero(chosen)
    nearest = np.argsort(worst[figure, anchor], kind="stable")
    figure, anchor = figure[nearest], anchor[nearest]
    rows = wanted[figure]
    centre = (rows[:, 2:4] + rows[:, 4:6]) / 2 // stride
    _, height, width = judged.shape
    column = np.clip(centre[:, 0], 0, width - 1).astype(np.int64)
    row = np.clip(centre[:, 1], 0, height - 1).astype(np.int64)
    image = rows[:, 0].astype(np.int64)
    slot = ((image * chosen.shape[1] + anchor) * height + row) * width + column
    _, first = np.unique(slot, return_index=True)
    label = rows[:, 1].astype(np.int64)
    return MapTargets(
        image[first], anchor[first].astype(np.int64), row[first], column[first],
        rows[first, 2:6], label[first], judged,
    )  # fmt: skip


def _judged(
    left_out: NDArray[np.float32], images: int, canvas: Size, stride: int
) -> NDArray[np.bool_]:
    judged = np.ones((images, canvas.height // stride, canvas.width // stride), np.bool_)
    low = np.floor(left_out[:, 2:4] / stride).astype(int)
    high = np.ceil(left_out[:, 4:6] / stride).astype(int)
    for image, (left, top), (right, bottom) in zip(
        left_out[:, 0].astype(int), np.maximum(low, 0), high, strict=True
    ):
        judged[image, top:bottom, left:right] = False
    return judged
