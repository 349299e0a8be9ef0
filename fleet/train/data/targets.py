"""Which cell and anchor of which map is to find a figure, and which cells are not judged."""

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
"""For maps with the strides below: a walker far away is 3 pixels wide."""
STRIDES = (4, 8, 16)
MOST_RATIO = 3.0
"""An anchor is to find figures whose sides are up to so many times its own, or its own theirs."""


@dataclass(frozen=True, eq=False)
class MapTargets:
    """What one map of a batch is to say; m rows, one for each cell and anchor that is to find one.

    `image`, `anchor`, `row`, `column`: int64 [m], where. `xyxy`: f32 [m, 4], pixels of the input.
    `label`: int64 [m]. `judged`: bool [N, rows, columns], False where a figure that is to be
    ignored stands: there nothing is to be learnt from seeing one, or none.
    """

    image: NDArray[np.int64]
    anchor: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    xyxy: NDArray[np.float32]
    label: NDArray[np.int64]
    judged: NDArray[np.bool_]


def ignored(truth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell for rows of truth (`Samples.truth`), bool [m], which figures count for nothing."""
    mask: NDArray[np.bool_] = truth[:, 6] > MOST_HIDDEN
    return mask | (truth[:, 5] - truth[:, 3] < SMALLEST_PX)


def assign(
    truth: NDArray[np.float32], images: int, canvas: Size, anchors: Anchors = ANCHORS
) -> tuple[MapTargets, ...]:
    """Share the figures of a batch out to the maps, those of `anchors` in their order.

    `truth`: f32 [m, 7] as `Samples.truth`, the first column counting the images of the batch.
    Every anchor near enough in shape has to find a figure, and the nearest in any case, in the cell
    of the figure's centre: YOLOv3 reaches no other cell. Where two figures want one cell and
    anchor, the nearer in shape has it.
    """
    aside = ignored(truth)
    wanted = truth[~aside]
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
        judged = _judged(truth[aside], images, canvas, stride)
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
    place = ((image * chosen.shape[1] + anchor) * height + row) * width + column
    _, first = np.unique(place, return_index=True)
    label = rows[:, 1].astype(np.int64)
    return MapTargets(
        image[first], anchor[first].astype(np.int64), row[first], column[first],
        rows[first, 2:6], label[first], judged,
    )  # fmt: skip


def _judged(
    aside: NDArray[np.float32], images: int, canvas: Size, stride: int
) -> NDArray[np.bool_]:
    judged = np.ones((images, canvas.height // stride, canvas.width // stride), np.bool_)
    low = np.floor(aside[:, 2:4] / stride).astype(int)
    high = np.ceil(aside[:, 4:6] / stride).astype(int)
    for image, (left, top), (right, bottom) in zip(
        aside[:, 0].astype(int), np.maximum(low, 0), high, strict=True
    ):
        judged[image, top:bottom, left:right] = False
    return judged
