"""The head of networks that end with ONNX's NonMaxSuppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits

READS = "it reads selected indices [n, 3], boxes [N, M, 4] and scores [N, classes, M], or [n, 7]"
ROW = 7


@dataclass(frozen=True)
class OnnxNms(Head):
    """A head for boxes [N, M, 4], scores [N, classes, M] and the selected indices [n, 3].

    A row of the indices is picture, class and box, as the operator puts them out; boxes are y1, x1,
    y2, x2 in pixels of the canvas, as it defines them. Exports of YOLOv7 gather all of that into
    [n, 7]: picture, x1, y1, x2, y2, class, score. None is suppressed again.
    """

    iou: float = 1.0
    where: tuple[int, ...] = ()
    """Which output has the indices, the boxes and the scores; one number for rows of seven."""
    settings: ClassVar[tuple[str, ...]] = ("where",)
    batch_first: ClassVar[bool] = False
    whole_numbers: ClassVar[bool] = True

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs, told apart by their shapes."""
        del labels
        shapes = [output.shape for output in outputs]
        if len(shapes) == 1:
            return replace(self, where=(0,))
        indices = [at for at, shape in enumerate(shapes) if len(shape) == 2 and shape[1] == 3]
        boxes = [at for at, shape in enumerate(shapes) if len(shape) == 3 and shape[2] == 4]
        if len(indices) != 1 or not boxes or len(shapes) != 3:
            return self
        for at in boxes:
            other = next(key for key in range(3) if key not in {at, indices[0]})
            if len(shapes[other]) == 3 and shapes[other][2] == shapes[at][1]:
                return replace(self, where=(indices[0], at, other))
        return self

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are rows of seven, or indices with boxes and scores."""
        head = self.arranged(traits.outputs, 0)
        if len(head.where) not in {1, 3}:
            return None
        classes = None if len(head.where) == 1 else traits.shapes[head.where[2]][1]
        if classes is not None and not traits.are(classes):
            return None
        if head.explain_mismatch(traits.shapes, classes or 0, traits.canvas):
            return None
        shown = list(traits.shapes[head.where[0]])
        return Claim(classes, f"{shown} is what NonMaxSuppression has selected")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not those of NonMaxSuppression; see Head."""
        del canvas
        if len(self.where) == 1 == len(outputs):
            return None if len(outputs[0]) == 2 and outputs[0][1] == ROW else READS
        if len(self.where) != len(outputs):
            return READS
        classes = outputs[self.where[2]][1]
        if classes != labels:
            return f"the output has {classes} classes and there are {labels} labels"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read what was selected; see Head. Pictures without any box at the end may lack."""
        del canvas
        if len(self.where) == 1:
            rows = outputs[0]
            number, class_id = (np.rint(rows[:, at]).astype(np.int32) for at in (0, 5))
            xyxy, score = rows[:, 1:5], rows[:, 6]
            count = int(number.max(initial=-1)) + 1
        else:
            indices, boxes, scores = (outputs[at] for at in self.where)
            # Other exports fill what is left with -1.
            number, class_id, box = np.rint(indices[indices[:, 0] >= 0]).astype(np.int32).T
            xyxy, score = boxes[number, box][:, [1, 0, 3, 2]], scores[number, class_id, box]
            count = len(boxes)
        found = Candidates(xyxy, score, class_id)
        return [
            found.take(np.flatnonzero((number == at) & (score > threshold))) for at in range(count)
        ]
