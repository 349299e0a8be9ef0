"""Heads and suppression against the routines that they replaced: each bit of each box as it was."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads import HEADS, Candidates
from fleet.models.nms import overlaps, suppress

CANVAS = Size(352, 224)


def former_fastestdet(grid: NDArray[np.float32], canvas: Size, threshold: float) -> Candidates:
    """Choose cells by row and column, and find the best class of each twice."""
    rows, columns = np.nonzero(grid[0] > max(0.0, threshold) ** (1 / 0.6) * 0.999)
    cells = grid[:, rows, columns]
    classes = cells[5:]
    score = cells[0] ** 0.6 * classes.max(axis=0) ** 0.4
    found = np.nonzero(score > threshold)[0]
    cells, classes = cells[:, found], classes[:, found]
    centre_x = (columns[found] + np.tanh(cells[1])) / grid.shape[2]
    centre_y = (rows[found] + np.tanh(cells[2])) / grid.shape[1]
    half_width, half_height = 0.5 / (1 + np.exp(-cells[3:5]))
    left, right = centre_x - half_width, centre_x + half_width
    top, bottom = centre_y - half_height, centre_y + half_height
    xyxy = np.stack([left, top, right, bottom], axis=1).astype(np.float32)
    side = np.array([canvas.width, canvas.height] * 2, np.float32)
    return Candidates(xyxy * side, score[found], classes.argmax(axis=0).astype(np.int32))


def former_suppress(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], iou: float
) -> NDArray[np.intp]:
    """Walk row by row over the boxes by falling score."""
    order = np.argsort(-score, kind="stable")
    among = overlaps(xyxy[order], xyxy[order], iou)
    stays = np.ones(len(order), np.bool_)
    for index, row in enumerate(among):
        if stays[index]:
            stays[index + 1 :] &= ~row[index + 1 :]
    return order[stays]


def fastestdet_outputs(seed: int) -> NDArray[np.float32]:
    """Outputs of one picture: most cells empty, many classes nearly equal, some exactly."""
    numbers = np.random.default_rng(seed)
    classes = int(numbers.integers(1, 90))
    grid = numbers.random((5 + classes, 14, 22), np.float32)
    grid[0] **= numbers.choice([0.2, 1, 8])
    grid[1:5] = numbers.normal(0, 3, (4, 14, 22))
    grid[5:] = np.round(grid[5:] ** 0.1, 2)
    return grid


def bits(found: Candidates) -> list[tuple[str, bytes]]:
    """Types and bytes."""
    return [(str(of.dtype), of.tobytes()) for of in (found.xyxy, found.score, found.class_id)]


@pytest.mark.parametrize("seed", range(50))
def test_fastestdet_finds_the_boxes_that_it_found(seed: int) -> None:
    """Cell by cell, at thresholds from none to all, and what stays of them."""
    grid = fastestdet_outputs(seed)
    edge = float(np.float32(grid[0, 3, 5] ** 0.6 * grid[5:, 3, 5].max() ** 0.4))
    for threshold in (0.0, 0.05, 0.4, edge, 0.9, 1.0):
        (found,) = HEADS["fastestdet"].decode([grid[None]], CANVAS, threshold)
        former = former_fastestdet(grid, CANVAS, threshold)
        assert bits(found) == bits(former)
        for iou in (0.0, 0.45, 1.0):
            kept = suppress(found.xyxy, found.score, None, iou)
            assert kept.tolist() == former_suppress(former.xyxy, former.score, iou).tolist()
