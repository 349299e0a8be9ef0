"""The head of end-to-end YOLO, such as YOLOv10 and YOLO26: the boxes that stay, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads.grid import count_cells
from fleet.models.heads.head import Candidates, Claim, Head, Shape, Traits

COLUMNS = 6
MOST_BOXES = 1000


@dataclass(frozen=True)
class End2End(Head):
    """A head for an output float32 [N, boxes, 6]: x1, y1, x2, y2 in pixels, score, class.

    Exports with NMS inside have the same layout. What is put out is not suppressed again.
    """

    iou: float = 1.0

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are rows of six, and not one or three for each cell."""
        shape = traits.only(3)
        if shape is None or shape[2] != COLUMNS or shape[1] > MOST_BOXES:
            return None
        cells = {number for each in (1, 3) for number in count_cells(traits.canvas, each)}
        # With one class the rows of YOLOv5 and YOLOX have six numbers too.
        one_class = traits.labels in {None, 1} and shape[1] in cells
        if one_class or "rtdetr" in traits.metadata.get("description", "").lower():
            return None
        said = " and its exporter says end2end" if traits.metadata.get("end2end") == "True" else ""
        return Claim(None, f"{list(shape)} is six numbers a box{said}")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not [N, boxes, 6]; see Head."""
        del labels, canvas
        if len(outputs) != 1 or len(outputs[0]) != 3 or outputs[0][2] != COLUMNS:
            return "it reads one output [N, boxes, 6]"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read [N, boxes, 6]; see Head."""
        del canvas
        return [_picture(rows[rows[:, 4] > threshold]) for rows in outputs[0]]


def _picture(rows: NDArray[np.float32]) -> Candidates:
    return Candidates(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int32))
