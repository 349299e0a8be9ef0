"""Heads against a reading of the same numbers cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.heads import (
    HEADS,
    Anchors,
    Candidates,
    Shape,
    head_named,
    parse_anchors,
    write_anchors,
)

CANVAS = Size(64, 48)
ANCHORS: Anchors = (((10, 13), (16, 30)), ((30, 61), (62.5, 45), (59, 19)))


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


def logistic(logit: float) -> float:
    """1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-logit))


def yolov3_by_cell(
    maps: Sequence[NDArray[np.float32]], threshold: float
) -> list[tuple[float, ...]]:
    """The definition: sigmoid(t) + cell, e^t * anchor, objectness * best class; map by map."""
    found: list[tuple[float, ...]] = []
    for raw, group in zip(maps, ANCHORS, strict=True):
        channels, height, width = raw.shape
        each = channels // len(group)
        for (number, anchor), i, j in product(enumerate(group), range(height), range(width)):
            tx, ty, tw, th, objectness, *classes = raw[number * each :][:each, i, j].tolist()
            best = max(range(len(classes)), key=classes.__getitem__)
            score = logistic(objectness) * logistic(classes[best])
            if score > threshold:
                x, y = (j + logistic(tx)) * 64 / width, (i + logistic(ty)) * 48 / height
                w, h = anchor[0] * math.exp(tw), anchor[1] * math.exp(th)
                found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, best))
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


@given(st.integers(0, 2**32), st.integers(1, 7), st.floats(0, 1), st.floats(0.1, 40))
def test_yolov3_is_its_definition(seed: int, classes: int, threshold: float, spread: float) -> None:
    """Each picture of a batch, two maps of other strides, whatever the threshold."""
    outputs = [
        np.random.default_rng(seed).normal(0, 1, (2, 2 * (5 + classes), 6, 8)),
        np.random.default_rng(seed + 1).normal(0, 1, (2, 3 * (5 + classes), 3, 4)),
    ]
    raw = [output.astype(np.float32) for output in outputs]
    for output in raw:
        # Logits of objectness and classes that reach far past what float32 tells apart from 0 and 1.
        output.reshape(2, -1, 5 + classes, *output.shape[2:])[:, :, 4:] *= spread
    for number, found in enumerate(head_named("yolov3", ANCHORS).decode(raw, CANVAS, threshold)):
        maps = [output[number] for output in raw]
        expected = yolov3_by_cell(maps, threshold)
        assume(len(expected) == len(yolov3_by_cell(maps, threshold + 1e-6)))
        assume(len(expected) == len(yolov3_by_cell(maps, threshold - 1e-6)))
        np.testing.assert_allclose(
            as_table(found), np.reshape(expected, (-1, 6)), rtol=1e-5, atol=1e-4
        )
        np.testing.assert_allclose(found.score, [row[4] for row in expected], atol=1e-5)
        assert found.xyxy.dtype == found.score.dtype == np.float32
        assert found.class_id.dtype == np.int32


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0.1, 20))
def test_the_quick_first_look_loses_nothing(seed: int, threshold: float, spread: float) -> None:
    """A threshold cuts exactly what stays below it: the same as none, filtered afterwards."""
    raw = np.random.default_rng(seed).normal(1, spread, (1, 12, 6, 8)).astype(np.float32)
    head = head_named("yolov3", (ANCHORS[0],))
    (everything,) = head.decode([raw], CANVAS, -1)
    (found,) = head.decode([raw], CANVAS, threshold)
    assert len(everything) == 2 * 6 * 8
    kept = everything.take(np.flatnonzero(everything.score > threshold))
    np.testing.assert_array_equal(as_table(found), as_table(kept))


def test_logits_beyond_reason_give_finite_boxes() -> None:
    """What a network that diverged puts out: no infinity, no warning."""
    head = head_named("yolov3", (ANCHORS[0],))
    for value in (-1e30, 1e30):
        (found,) = head.decode([np.full((1, 12, 3, 4), value, np.float32)], CANVAS, -1)
        assert np.isfinite(as_table(found)).all()
        assert len(found) == 24


@pytest.mark.parametrize("head", ["fastestdet", "yolov3", "yolov8"])
def test_nothing_above_the_threshold_gives_no_box(head: str) -> None:
    """Empty, and still of the right shape."""
    shape = {"fastestdet": (1, 8, 4, 4), "yolov3": (1, 16, 3, 4), "yolov8": (1, 7, 20)}[head]
    anchors = (ANCHORS[0],) if head == "yolov3" else ()
    (found,) = head_named(head, anchors).decode([np.zeros(shape, np.float32)], CANVAS, 0.5)
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
    why = HEADS[head].explain_mismatch(outputs, 80, Size(352, 352))
    assert why is None if said is None else said in str(why)


@pytest.mark.parametrize(
    ("anchors", "outputs", "said"),
    [
        (
            "1,2 3,4; 5,6",
            [(1, 170, 44, 44), (1, 85, 22, 11)],
            "22 on an input of 352x352 are not square",
        ),
        ("1,2 3,4; 5,6", [(1, 170, 44, 44), (1, 85, 22, 22)], None),
        ("1,2 3,4; 5,6", [(1, 170, 44, 44), (1, 85, 21, 21)], "21x21 cells does not divide"),
        ("1,2 3,4; 5,6", [(1, 170, 44, 44)], "groups of anchors: 2, outputs: 1"),
        ("1,2 3,4", [(1, 255, 44, 44)], r"2 * (5 + 80) = 170"),
        ("1,2 3,4 5,6", [(1, 252, 44, 44)], "252 channels"),
        ("1,2", [(1, 1, 44, 44, 85)], "raw maps"),
        ("1,2", [(1, 25200, 85)], "raw maps"),
        ("", [(1, 170, 44, 44)], "--anchors"),
    ],
)
def test_yolov3_says_what_does_not_fit(anchors: str, outputs: list[Shape], said: str) -> None:
    """Counts of outputs, anchors and classes; grids that the input does not divide into."""
    head = head_named("yolov3", parse_anchors(anchors) if anchors else ())
    why = head.explain_mismatch(outputs, 80, Size(352, 352))
    assert why is None if said is None else said in str(why)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10,13 16", "'16' is not an anchor"),
        ("10,13,14", "'10,13,14' is not"),
        ("a,b", "'a,b' is not"),
        ("10,13;", "an output without any"),
        ("", "an output without any"),
        ("10,-1", "above 0"),
        ("nan,3", "above 0"),
        ("3,inf", "above 0"),
    ],
)
def test_what_is_no_anchor_is_refused(text: str, said: str) -> None:
    """The way out shows how they are written."""
    with pytest.raises(ModelRefusedError, match=said) as refused:
        parse_anchors(text)
    assert "10,13 16,30;" in refused.value.way_out


def test_anchors_are_written_as_they_are_read() -> None:
    """Fractions of a pixel too."""
    assert parse_anchors(write_anchors(ANCHORS)) == ANCHORS


def test_a_head_without_anchors_takes_none() -> None:
    """They would silently do nothing."""
    with pytest.raises(ModelRefusedError, match="yolov8 has no anchors"):
        head_named("yolov8", ANCHORS)


def test_an_unknown_head_lists_those_there_are() -> None:
    """The way out names them, and first the one that is meant."""
    with pytest.raises(ModelRefusedError, match=r"mean ssd.*fastestdet, .*yolov3, .*yolov8"):
        head_named("sdd")
