"""The head of YOLOv8 as Ultralytics exports it for detection: one row of candidates, no anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads.grid import count_cells
from fleet.models.heads.head import Candidates, Claim, Head, Shape, Traits

BEFORE_CLASSES = 4


@dataclass(frozen=True)
class YoloV8(Head):
    """A head for outputs float32 [N, 4 + classes, candidates].

    Rows 0..3 are centre x, centre y, width and height in canvas pixels, the rest the classes,
    activated; a candidate's score is that of its best class. YOLO11 and others of the same export
    share the layout. Such networks are trained on letterboxed pictures, RGB, 0..1. See Head for the
    fields.
    """

    iou: float = 0.7

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there is one output [N, 4 + classes, cells of the three strides]."""
        if (shape := traits.only(3)) and traits.are(classes := shape[1] - BEFORE_CLASSES):
            if shape[2] in count_cells(traits.canvas):
                return Claim(classes, f"{list(shape)} is 4 + {classes} rows, a column a cell")
            if traits.metadata.get("task") == "detect" and traits.labels == classes:
                return Claim(classes, f"Ultralytics' detector with {classes} names")
        return None

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not [N, 4 + labels, candidates]; see Head."""
        del canvas
        if len(outputs) != 1 or len(outputs[0]) != 3:
            return "it reads one output [N, 4 + classes, candidates]"
        _, rows, candidates = outputs[0]
        if candidates == 4 + labels + 1:
            return "[N, candidates, 5 + classes] is the layout of YOLOv5, with an objectness"
        if candidates == 6:
            return "[N, boxes, 6] are boxes already suppressed; export without NMS and end2end"
        if (classes := rows - BEFORE_CLASSES) != labels:
            return f"the output has {classes} classes and there are {labels} labels"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read [N, 4 + classes, candidates]; see Head."""
        del canvas
        return [_picture(rows, threshold) for rows in outputs[0]]


def _picture(rows: NDArray[np.float32], threshold: float) -> Candidates:
    score = rows[BEFORE_CLASSES:].max(axis=0)
    found = np.nonzero(score > threshold)[0]
    chosen = rows[:, found]
    centre, half = chosen[0:2].T, chosen[2:4].T / 2
    return Candidates(
        np.concatenate([centre - half, centre + half], axis=1),
        score[found],
        chosen[BEFORE_CLASSES:].argmax(axis=0).astype(np.int32),
    )
