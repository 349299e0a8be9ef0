"""Greedy non-maximum suppression against its definition, box by box."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.models.nms import overlaps, suppress

Boxes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]


@st.composite
def boxes(draw: st.DrawFn, most: int = 40) -> Boxes:
    """Boxes on a coarse lattice, so that equal scores, equal boxes and exact overlaps are common."""
    count = draw(st.integers(0, most))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    corner = numbers.integers(0, 12, (count, 2))
    xyxy = np.concatenate([corner, corner + numbers.integers(0, 8, (count, 2))], axis=1)
    score = numbers.integers(1, 6, count) / 5
    return (
        xyxy.astype(np.float32),
        score.astype(np.float32),
        numbers.integers(0, 3, count, np.int32),
    )


def naive(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], ids: NDArray[np.int32] | None, iou: float
) -> list[int]:
    """Walk by falling score and ask of each box whether one that stays covers it."""
    stay: list[int] = []
    for index in sorted(range(len(score)), key=lambda at: (-score[at], at)):
        rivals = [k for k in stay if ids is None or ids[k] == ids[index]]
        if not any(overlap_above(xyxy[k], xyxy[index], iou) for k in rivals):
            stay.append(index)
    return stay


def overlap_above(a: NDArray[np.float32], b: NDArray[np.float32], iou: float) -> bool:
    """Tell whether two boxes overlap by more than `iou`, in float32."""
    width = max(min(a[2], b[2]) - max(a[0], b[0]), np.float32(0))
    height = max(min(a[3], b[3]) - max(a[1], b[1]), np.float32(0))
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return bool(shared > np.float32(iou) * union)


@given(boxes(), st.sampled_from([0.0, 0.25, 0.45, 0.5, 1.0]), st.booleans())
def test_suppression_is_the_greedy_walk(found: Boxes, iou: float, per_class: bool) -> None:
    """Over all classes together and class by class, ties by position."""
    xyxy, score, class_id = found
    ids = class_id if per_class else None
    assert suppress(xyxy, score, ids, iou).tolist() == naive(xyxy, score, ids, iou)


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_more_boxes_than_a_block_are_walked_alike(seed: int) -> None:
    """What stayed in one block suppresses in all that follow."""
    numbers = np.random.default_rng(seed)
    corner = numbers.integers(0, 60, (400, 2))
    xyxy = np.concatenate([corner, corner + numbers.integers(0, 20, (400, 2))], axis=1).astype(
        np.float32
    )
    score = (numbers.integers(1, 50, 400) / 50).astype(np.float32)
    assert suppress(xyxy, score, None, 0.45).tolist() == naive(xyxy, score, None, 0.45)


def test_a_box_without_area_overlaps_nothing() -> None:
    """Not even itself: no division by nothing."""
    point = np.array([[3, 3, 3, 3]], np.float32)
    assert not overlaps(point, point, 0.0).any()


def test_classes_suppress_each_other_only_when_told_to() -> None:
    """Two equal boxes of different classes."""
    xyxy = np.array([[0, 0, 4, 4], [0, 0, 4, 4]], np.float32)
    score = np.array([0.5, 0.9], np.float32)
    class_id = np.array([0, 1], np.int32)
    assert suppress(xyxy, score, class_id, 0.5).tolist() == [1, 0]
    assert suppress(xyxy, score, None, 0.5).tolist() == [1]
