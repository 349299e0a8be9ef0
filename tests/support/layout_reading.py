"""The definitions of layouts of outputs, read number by number, for one picture of 96 x 64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Row = tuple[float, ...]
WIDTH, HEIGHT = 96, 64
GRIDS = ((8, 12, 8), (16, 6, 4), (32, 3, 2))
"""Stride, columns and rows of each map."""


def logistic(logit: float) -> float:
    """1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-logit))


def middle(x: float, y: float, w: float, h: float) -> Row:
    """Corners of a box that is a centre and a size."""
    return (x - w / 2, y - h / 2, x + w / 2, y + h / 2)


def best(classes: list[float]) -> int:
    """The first of the greatest."""
    return max(range(len(classes)), key=classes.__getitem__)


def cells() -> Iterator[tuple[int, int, int]]:
    """Stride, column and row, in the order of candidates."""
    for stride, columns, rows in GRIDS:
        for row in range(rows):
            for column in range(columns):
                yield stride, column, row


def yolov5(rows: Array) -> Iterator[Row]:
    """Objectness times the best class."""
    for x, y, w, h, objectness, *classes in rows[0].tolist():
        yield (*middle(x, y, w, h), objectness * max(classes), best(classes))


def yolov8(rows: Array) -> Iterator[Row]:
    """The best class is the score."""
    for x, y, w, h, *classes in rows[0].T.tolist():
        yield (*middle(x, y, w, h), max(classes), best(classes))


def yolox(rows: Array) -> Iterator[Row]:
    """Places within cells, sizes as logarithms in strides."""
    for (s, j, i), row in zip(cells(), rows[0].tolist(), strict=True):
        x, y, w, h, objectness, *classes = row
        box = middle((x + j) * s, (y + i) * s, math.exp(w) * s, math.exp(h) * s)
        yield (*box, objectness * max(classes), best(classes))


def end2end(rows: Array) -> Iterator[Row]:
    """As it is."""
    for *box, score, number in rows[0].tolist():
        yield (*box, score, number)


def fastestdet(grid: Array) -> Iterator[Row]:
    """objectness^0.6 * best class^0.4; tanh centre, sigmoid size."""
    _, _, rows, columns = grid.shape
    for i in range(rows):
        for j in range(columns):
            objectness, x, y, w, h, *classes = grid[0, :, i, j].tolist()
            x, y = (j + math.tanh(x)) / columns * WIDTH, (i + math.tanh(y)) / rows * HEIGHT
            score = objectness**0.6 * max(classes) ** 0.4
            box = middle(x, y, logistic(w) * WIDTH, logistic(h) * HEIGHT)
            yield (*box, score, best(classes))


def yolov3(maps: list[Array], anchors: Any) -> Iterator[Row]:
    """sigmoid(t) + cell, e^t * anchor, objectness * best class; map by map."""
    for raw, group in zip(maps, anchors, strict=True):
        _, channels, rows, columns = raw.shape
        each = channels // len(group)
        for number, anchor in enumerate(group):
            for i in range(rows):
                for j in range(columns):
                    tx, ty, tw, th, o, *classes = raw[0, number * each :][:each, i, j].tolist()
                    x, y = (j + logistic(tx)) * WIDTH / columns, (i + logistic(ty)) * HEIGHT / rows
                    box = middle(x, y, anchor[0] * math.exp(tw), anchor[1] * math.exp(th))
                    yield (*box, logistic(o) * logistic(max(classes)), best(classes))


def nanodet(scores: Array, bins: Array, shift: float) -> Iterator[Row]:
    """The mean of eight bins is the distance of a side, in strides."""
    for (s, j, i), classes, row in zip(cells(), scores[0].tolist(), bins[0].tolist(), strict=True):
        away = []
        for side in range(4):
            powers = [math.exp(value) for value in row[side * 8 :][:8]]
            away.append(sum(at * power for at, power in enumerate(powers)) / sum(powers) * s)
        x, y = (j + shift) * s, (i + shift) * s
        box = (x - away[0], y - away[1], x + away[2], y + away[3])
        yield (*box, max(classes), best(classes))


def detr(logits: Array, boxes: Array, kind: str) -> Iterator[Row]:
    """A query is a box relative to the canvas."""
    for row, (x, y, w, h) in zip(logits[0].tolist(), boxes[0].tolist(), strict=True):
        powers = [math.exp(value) for value in row]
        if kind == "softmax":
            chances = [power / sum(powers) for power in powers][:-1]
        else:
            chances = row if kind == "activated" else [logistic(value) for value in row]
        box = middle(x * WIDTH, y * HEIGHT, w * WIDTH, h * HEIGHT)
        yield (*box, max(chances), best(chances))


def ssd(scores: Array, boxes: Array, priors: Array | None) -> Iterator[Row]:
    """Class 0 is the background; offsets are to priors, in their variances."""
    places = boxes.reshape(-1, 4).tolist()
    for at, (a, b, c, d) in enumerate(places):
        classes = scores.reshape(len(places), -1)[at, 1:].tolist()
        box: Row = (a, b, c, d)
        if priors is not None:
            left, top, right, bottom = priors.reshape(2, -1, 4)[0, at].tolist()
            va, vb, vc, vd = priors.reshape(2, -1, 4)[1, at].tolist()
            w, h = right - left, bottom - top
            x, y = a * va * w + (left + right) / 2, b * vb * h + (top + bottom) / 2
            box = middle(x, y, math.exp(c * vc) * w, math.exp(d * vd) * h)
        scaled = (box[0] * WIDTH, box[1] * HEIGHT, box[2] * WIDTH, box[3] * HEIGHT)
        yield (*scaled, max(classes), best(classes))


def boxes(
    places: Array, scores: Array, classes: Array, count: Array | None, *, relative: bool
) -> Iterator[Row]:
    """Finished boxes, up to the count."""
    most = scores.shape[1] if count is None else int(count.reshape(-1)[0])
    for at in range(most):
        box = places[0, at].tolist()
        if relative:
            box = [box[1] * WIDTH, box[0] * HEIGHT, box[3] * WIDTH, box[2] * HEIGHT]
        yield (*box, scores[0, at].item(), classes[0, at].item() - relative)


def selected(indices: Array, places: Array, scores: Array) -> Iterator[Row]:
    """A row is picture, class and box; boxes are y1, x1, y2, x2."""
    for number, class_id, box in indices.tolist():
        top, left, bottom, right = places[number, box].tolist()
        yield (left, top, right, bottom, scores[number, class_id, box].item(), class_id)


def rows_of_seven(rows: Array) -> Iterator[Row]:
    """Picture, box, class, score."""
    for _, *box, class_id, score in rows.tolist():
        yield (*box, score, class_id)


def centernet(heat: Array, sizes: Array, offsets: Array, *, logits: bool) -> Iterator[Row]:
    """Peaks of 3 x 3 cells, class by class."""
    _, classes, rows, columns = heat.shape
    for class_id in range(classes):
        for i in range(rows):
            for j in range(columns):
                around = heat[0, class_id, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2]
                value = heat[0, class_id, i, j]
                if value < around.max():
                    continue
                score = logistic(value.item()) if logits else value.item()
                (x, y), (w, h) = offsets[0, :, i, j].tolist(), sizes[0, :, i, j].tolist()
                yield (*middle(4 * (j + x), 4 * (i + y), 4 * w, 4 * h), score, class_id)


def centerface(heat: Array, sizes: Array, offsets: Array) -> Iterator[Row]:
    """Every cell is a face."""
    _, _, rows, columns = heat.shape
    for i in range(rows):
        for j in range(columns):
            (h, w), (y, x) = sizes[0, :, i, j].tolist(), offsets[0, :, i, j].tolist()
            box = middle(4 * (j + x + 0.5), 4 * (i + y + 0.5), 4 * math.exp(w), 4 * math.exp(h))
            yield (*box, heat[0, 0, i, j].item(), 0)


def above(rows: Iterator[Row], threshold: float) -> NDArray[np.float64]:
    """Those whose score is above the threshold, [n, 6]."""
    return np.array([row for row in rows if row[4] > threshold], np.float64).reshape(-1, 6)


def paddle(rows: Array, count: Array) -> Iterator[Row]:
    """Rows of class, score and box, as many as it says."""
    for class_id, score, x1, y1, x2, y2 in rows[: int(count[0])].tolist():
        yield (x1, y1, x2, y2, score, class_id)
