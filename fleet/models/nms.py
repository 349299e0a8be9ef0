"""Greedy non-maximum suppression, exact and deterministic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 128


def overlaps(
    boxes: NDArray[np.float32], others: NDArray[np.float32], iou: float
) -> NDArray[np.bool_]:
    """Return for each pair, bool [n, m], whether its intersection over union is above `iou`.

    `boxes` float32 [n, 4] and `others` float32 [m, 4] hold x1, y1, x2, y2. Boxes without area
    overlap nothing.
    """
    left, top, right, bottom = (column[:, None] for column in boxes.T)
    other_left, other_top, other_right, other_bottom = np.ascontiguousarray(others.T)
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = _area(boxes)[:, None] + _area(others) - shared
    found: NDArray[np.bool_] = shared > np.float32(iou) * union
    return found


def suppress(
    xyxy: NDArray[np.float32],
    score: NDArray[np.float32],
    class_id: NDArray[np.int32] | None,
    iou: float,
) -> NDArray[np.intp]:
    """Return the boxes that stay: indices [k], by falling score, the earlier box first on a tie.

    In that order a box stays unless one that stays already overlaps it by more than `iou`. `xyxy`
    is float32 [n, 4], `score` float32 [n]. With `class_id` int32 [n] only boxes of the same class
    suppress each other; with None all do. Boxes are processed in blocks, so that memory grows with
    the number of boxes and not with its square.
    """
    order = np.argsort(-score, kind="stable")
    boxes, ids = xyxy[order], None if class_id is None else class_id[order]
    kept: list[int] = []
    for start in range(0, len(order), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(order)))
        if kept:
            block = block[~_overlap(boxes, ids, np.array(kept), block, iou).any(axis=0)]
        among = _overlap(boxes, ids, block, block, iou)
        kept += block[_greedy(among)].tolist()
    return order[kept]


def _greedy(among: NDArray[np.bool_]) -> list[int]:
    """Return the rows that no earlier one of them overlaps; each row is one number of bits."""
    packed = np.packbits(among, axis=1, bitorder="little")
    data, row_bytes = packed.tobytes(), packed.shape[1]
    stays: list[int] = []
    overlapped = 0
    for index in range(len(among)):
        if not overlapped >> index & 1:
            stays.append(index)
            row = data[index * row_bytes : (index + 1) * row_bytes]
            overlapped |= int.from_bytes(row, "little")
    return stays


def _overlap(
    boxes: NDArray[np.float32],
    ids: NDArray[np.int32] | None,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    iou: float,
) -> NDArray[np.bool_]:
    found = overlaps(boxes[rows], boxes[columns], iou)
    if ids is not None:
        found &= ids[rows, None] == ids[None, columns]
    return found


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    area: NDArray[np.float32] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
