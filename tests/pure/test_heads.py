"""Heads against a reading of the same numbers cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.errors import ModelRefused
from fleet.geometry import Size
from fleet.models.heads import HEADS, Candidates, Shape, head_named

CANVAS = Size(64, 48)


def seeded(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers like raw outputs: probabilities and small boxes."""
    return np.random.default_rng(seed).random(shape, np.float32)


def fastestdet_by_cell(grid: NDArray[np.float32], threshold: float) -> list[tuple[float, ...]]:
    """The definition: objectness^0.6 * best class^0.4; tanh centre, sigmoid size."""
    found: list[tuple[float, ...]] = []
    _, height, width = grid.shape
    for i in range(height):
        for j in range(width):
            classes = grid[5:, i, j].tolist()
            best = max(range(len(classes)), key=classes.__getitem__)
            score = grid[0, i, j].item() ** 0.6 * classes[best] ** 0.4
            if score > threshold:
                x, y, w, h = grid[1:5, i, j].tolist()
                x, y = (j + math.tanh(x)) / width, (i + math.tanh(y)) / height
                w, h = 1 / (1 + math.exp(-w)), 1 / (1 + math.exp(-h))
                box = ((x - w / 2) * 64, (y - h / 2) * 48, (x + w / 2) * 64, (y + h / 2) * 48)
                found.append((*box, score, best))
    return found


def yolov8_by_candidate(rows: NDArray[np.float32], threshold: float) -> list[tuple[float, ...]]:
    """The definition: the best class is the score; the box is centre and size in pixels."""
    found: list[tuple[float, ...]] = []
    for x, y, w, h, *classes in rows.T.tolist():
        best = max(range(len(classes)), key=classes.__getitem__)
        if classes[best] > np.float32(threshold):
            found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, classes[best], best))
    return found


def as_table(found: Candidates) -> NDArray[np.float64]:
    """Candidates as rows of six numbers."""
    return np.column_stack([found.xyxy, found.score, found.class_id]).astype(np.float64)


@given(st.integers(0, 2**32), st.integers(1, 7), st.floats(0, 0.99))
def test_fastestdet_is_its_definition(seed: int, classes: int, threshold: float) -> None:
    """Each picture of a batch, whatever the threshold; none is lost to the quick first look."""
    outputs = seeded(seed, (2, 5 + classes, 5, 6))
    outputs[:, 5:] **= 0.1
    for found, grid in zip(
        HEADS["fastestdet"].decode([outputs], CANVAS, threshold), outputs, strict=True
    ):
        expected = fastestdet_by_cell(grid, threshold)
        assume(len(expected) == len(fastestdet_by_cell(grid, threshold + 1e-5)))
        assume(len(expected) == len(fastestdet_by_cell(grid, threshold - 1e-5)))
        np.testing.assert_allclose(
            as_table(found), np.reshape(expected, (-1, 6)), rtol=1e-5, atol=1e-4
        )
        assert found.xyxy.dtype == found.score.dtype == np.float32
        assert found.class_id.dtype == np.int32


@given(st.integers(0, 2**32), st.integers(1, 7), st.floats(0, 0.99))
def test_yolov8_is_its_definition(seed: int, classes: int, threshold: float) -> None:
    """Each picture of a batch, whatever the threshold."""
    outputs = seeded(seed, (2, 4 + classes, 30))
    outputs[:, :4] *= 48
    for found, rows in zip(
        HEADS["yolov8"].decode([outputs], CANVAS, threshold), outputs, strict=True
    ):
        expected = yolov8_by_candidate(rows, threshold)
        np.testing.assert_allclose(
            as_table(found), np.reshape(expected, (-1, 6)), rtol=1e-5, atol=1e-4
        )
        assert found.xyxy.dtype == found.score.dtype == np.float32


@pytest.mark.parametrize("head", sorted(HEADS))
def test_nothing_above_the_threshold_gives_no_box(head: str) -> None:
    """Empty, and still of the right shape."""
    shape = {"fastestdet": (1, 8, 4, 4), "yolov8": (1, 7, 20)}[head]
    (found,) = HEADS[head].decode([np.zeros(shape, np.float32)], CANVAS, 0.5)
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)


@pytest.mark.parametrize(
    ("head", "outputs", "said"),
    [
        ("fastestdet", [(1, 85, 22, 22)], None),
        ("fastestdet", [(1, 84, 22, 22)], "79 classes and there are 80 labels"),
        ("fastestdet", [(1, 84, 8400)], "one output"),
        ("fastestdet", [(1, 85, 22, 22), (1, 85, 11, 11)], "one output"),
        ("yolov8", [(1, 84, 8400)], None),
        ("yolov8", [(1, 85, 22, 22)], "one output"),
        ("yolov8", [(1, 25200, 85)], "YOLOv5"),
        ("yolov8", [(1, 300, 6)], "without NMS"),
        ("yolov8", [(1, 116, 8400), (1, 32, 160, 160)], "one output"),
        ("yolov8", [(1, 24, 8400)], "20 classes and there are 80 labels"),
    ],
)
def test_a_head_says_what_does_not_fit(head: str, outputs: list[Shape], said: str | None) -> None:
    """In the network's own terms."""
    why = HEADS[head].mismatch(outputs, 80)
    assert why is None if said is None else said in str(why)


def test_an_unknown_head_lists_those_there_are() -> None:
    """The way out names them."""
    with pytest.raises(ModelRefused, match="fastestdet, yolov8"):
        head_named("ssd")
