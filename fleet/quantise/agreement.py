"""How far the boxes of two networks agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from fleet.core.frames import Detections
from fleet.models.nms import overlaps

IOU = 0.5
"""Boxes of one label that overlap by more are the same object."""


@dataclass(frozen=True)
class Agreement:
    """What the boxes of two networks on the same frames have in common."""

    boxes: int
    """How many the network in its own precision found."""
    boxes_int8: int
    """How many the one in int8 found."""
    matched: int
    """How many both found."""
    score_difference: float
    """The mean distance of the two scores of a box that both found; 0 where there is none."""

    @property
    def share(self) -> float | None:
        """The share of all boxes of both that both found, 0..1; None where neither found any."""
        found = self.boxes + self.boxes_int8
        return 2 * self.matched / found if found else None


def agree(pairs: Iterable[tuple[Detections, Detections]], above: float) -> Agreement:
    """Compare frame by frame the boxes that score above `above`; each pair is of one frame.

    By falling score, each box of the first network takes the box of its label that has the highest
    score of those that it overlaps by more than IOU and that no other took.
    """
    boxes, boxes_int8 = 0, 0
    differences: list[float] = []
    for plain, int8 in pairs:
        first, second = plain.take(plain.score > above), int8.take(int8.score > above)
        boxes, boxes_int8 = boxes + len(first), boxes_int8 + len(second)
        differences += _matched(first, second)
    mean = float(np.mean(differences)) if differences else 0.0
    return Agreement(boxes, boxes_int8, len(differences), mean)


def _matched(first: Detections, second: Detections) -> Iterator[float]:
    """Yield how far the scores of each pair lie apart."""
    alike = overlaps(first.xyxy, second.xyxy, IOU)
    alike &= first.class_id[:, None] == second.class_id
    for row in np.argsort(-first.score, kind="stable"):
        left = np.flatnonzero(alike[row])
        if len(left):
            best = left[np.argmax(second.score[left])]
            alike[:, best] = False
            yield abs(float(first.score[row]) - float(second.score[best]))
