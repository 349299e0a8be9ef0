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
    corners, others_corners = (np.ascontiguousarray(each.T) for each in (boxes, others))
    sides = np.minimum(corners[2:, :, None], others_corners[2:, None])
    sides -= np.maximum(corners[:2, :, None], others_corners[:2, None])
    np.maximum(sides, 0, out=sides)
    shared = sides[0] * sides[1]
    union = _area(corners)[:, None] + _area(others_corners)
    union -= shared
    union *= np.float32(iou)
    found: NDArray[np.bool_] = shared > union
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
    kept = np.zeros(0, np.intp)
    for start in range(0, len(order), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(order)))
        if start:
            block = block[~_overlap(boxes, ids, kept, block, iou).any(axis=0)]
        stays = _greedy(_overlap(boxes, ids, block, block, iou))
        kept = np.concatenate([kept, block[stays]])
    return order[kept]


def _greedy(among: NDArray[np.bool_]) -> list[int]:
    """Return the rows that no earlier one of them overlaps; each row is one number of bits."""
    packed = np.packbits(among, axis=1, bitorder="little")
    data, row_bytes = packed.tobytes(), packed.shape[1]
    stays: list[int] = []
    left = (1 << len(among)) - 1
    while left:
        lowest = left & -left
        index = lowest.bit_length() - 1
        stays.append(index)
        row = data[index * row_bytes : (index + 1) * row_bytes]
        left &= ~(int.from_bytes(row, "little") | lowest)
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


def _area(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas [n] of boxes whose x1, y1, x2, y2 are rows [4, n]."""
    sides = corners[2:] - corners[:2]
    area: NDArray[np.float32] = sides[0] * sides[1]
    return area
