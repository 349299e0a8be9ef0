"""The head of YOLOv5 and YOLOv7: a row a candidate, with an objectness before the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads.grid import count_cells
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits
from fleet.models.heads.numbers import best_above, corners

BEFORE_CLASSES = 5
OBJECTNESS = 4
ANCHORS_A_CELL = 3


@dataclass(frozen=True)
class YoloV5(Head):
    """A head for an output float32 [N, candidates, 5 + classes].

    Columns are centre x, centre y, width and height in pixels, objectness, classes, all activated;
    the score is the objectness times that of the best class. Older exports add the raw maps
    [N, 3, height, width, 5 + classes], which are not read.
    """

    rows: int = 0
    """Which of the outputs has the rows."""
    settings: ClassVar[tuple[str, ...]] = ("rows",)

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for the one output of three lengths."""
        del labels
        found = [at for at, output in enumerate(outputs) if len(output.shape) == 3]
        return replace(self, rows=found[0]) if len(found) == 1 else self

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are three rows for each cell of the usual strides."""
        head = self.arranged(traits.outputs, 0)
        shape = traits.shapes[head.rows]
        classes = shape[-1] - BEFORE_CLASSES
        if not traits.are(classes) or _mismatch(traits.shapes, head.rows, classes):
            return None
        if shape[1] not in count_cells(traits.canvas, ANCHORS_A_CELL):
            return None
        return Claim(classes, f"{list(shape)} is three rows a cell, an objectness before classes")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not [N, candidates, 5 + labels]; see Head."""
        del canvas
        return _mismatch(outputs, self.rows, labels)

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read [N, candidates, 5 + classes]; see Head."""
        del canvas
        return [_picture(rows, threshold) for rows in outputs[self.rows]]


def _mismatch(outputs: Sequence[Shape], rows: int, labels: int) -> str | None:
    others = [shape for at, shape in enumerate(outputs) if at != rows]
    if len(outputs[rows]) != 3 or any(len(shape) != 5 for shape in others):
        return "it reads one output [N, candidates, 5 + classes]"
    if (classes := outputs[rows][2] - BEFORE_CLASSES) != labels:
        return f"the output has {classes} classes and there are {labels} labels"
    return None


def _picture(rows: NDArray[np.float32], threshold: float) -> Candidates:
    # A class is at most 1, so that the score cannot pass where the objectness alone does not.
    rows = rows[rows[:, OBJECTNESS] > threshold * (1 - 1e-5)]
    scores = rows[:, BEFORE_CLASSES:] * rows[:, OBJECTNESS, None]
    return best_above(corners(rows), scores, threshold)
