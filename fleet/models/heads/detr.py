"""The head of DETR and its relatives: a query is a box, and the logits of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Fit, Size
from fleet.models.heads.grid import count_cells
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits
from fleet.models.heads.numbers import (
    IMAGENET_MEAN,
    IMAGENET_SCALE,
    best_above,
    corners,
    sigmoid,
    softmax,
)

MOST_QUERIES = 1000
LOGITS = frozenset({"logits", "pred_logits"})
BOXES = frozenset({"pred_boxes", "dets", "boxes"})


@dataclass(frozen=True)
class Detr(Head):
    """A head for logits [N, queries, classes] and boxes [N, queries, 4], or both in one output.

    Boxes are centre x, centre y, width and height, relative to the canvas. DETR has a logit more
    than classes, for no object, and takes a softmax; RT-DETR and D-FINE take a sigmoid, RF-DETR too
    (its outputs are `dets` and `labels`); one output [N, queries, 4 + classes], as Ultralytics
    exports RT-DETR, is activated. DETR and RF-DETR are trained on RGB with ImageNet's mean, the
    others on 0..1; pictures are squeezed to the canvas.
    """

    fit: Fit = Fit.STRETCH
    iou: float = 1.0
    kind: Literal["softmax", "sigmoid", "rf", "one"] = "sigmoid"
    """How classes are activated."""
    boxes: int = 1
    """Which of two outputs has the boxes."""
    settings: ClassVar[tuple[str, ...]] = ("kind", "boxes")

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs: boxes by name or shape, activation by the classes."""
        if len(outputs) == 1:
            return replace(self, kind="one", boxes=0)
        if len(outputs) != 2:
            return self
        named = [at for at, output in enumerate(outputs) if output.name in BOXES]
        fours = [at for at, output in enumerate(outputs) if output.shape[-1:] == (4,)]
        boxes = (named or fours or [1])[0]
        logits = outputs[1 - boxes]
        if logits.name == "labels":
            head = replace(self, kind="rf", boxes=boxes)
        elif logits.shape[-1:] == (labels + 1,):
            head = replace(self, kind="softmax", boxes=boxes)
        else:
            return replace(self, kind="sigmoid", boxes=boxes)
        return replace(head, mean=IMAGENET_MEAN, scale=IMAGENET_SCALE)

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are logits and boxes by the names of such exports."""
        names = {output.name for output in traits.outputs}
        if (shape := traits.only(3)) and shape[1] <= MOST_QUERIES:
            described = "rtdetr" in traits.metadata.get("description", "").lower()
            classes = shape[2] - 4
            if described and traits.are(classes) and shape[1] not in count_cells(traits.canvas):
                return Claim(classes, "RT-DETR, as its exporter describes it")
        if len(traits.outputs) != 2 or not names & BOXES:
            return None
        if not (names & LOGITS or names == {"dets", "labels"}):
            return None
        shape = traits.shapes[1 - self.arranged(traits.outputs, 0).boxes]
        if len(shape) != 3:
            return None
        labels = traits.labels
        head = self.arranged(traits.outputs, labels or 0)
        if labels and head.explain_mismatch(traits.shapes, labels, traits.canvas):
            return None
        what = f"logits {list(shape)} and boxes by the names {' and '.join(sorted(names))}"
        return Claim(labels, what)

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not logits and boxes of queries; see Head."""
        del canvas
        if any(len(shape) != 3 for shape in outputs) or len(outputs) not in {1, 2}:
            return "it reads logits [N, queries, classes] and boxes [N, queries, 4]"
        if len(outputs) == 1:
            classes = outputs[0][2] - 4
            several = {classes}
        else:
            boxes, logits = outputs[self.boxes], outputs[1 - self.boxes]
            if boxes[1:] != (logits[1], 4):
                return "it reads logits [N, queries, classes] and boxes [N, queries, 4]"
            classes = logits[2]
            several = {"sigmoid": {classes}, "rf": {classes, classes - 1}}.get(
                self.kind, {classes - 1}
            )
        if labels not in several:
            return f"the output has {classes} classes and there are {labels} labels"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read logits and boxes; see Head."""
        if self.kind == "one":
            boxes, scores = np.split(outputs[0], [4], axis=2)
        else:
            boxes, logits = outputs[self.boxes], outputs[1 - self.boxes]
            scores = softmax(logits)[..., :-1] if self.kind == "softmax" else sigmoid(logits)
        side = np.array([canvas.width, canvas.height] * 2, np.float32)
        return [
            best_above(corners(box) * side, score, threshold)
            for box, score in zip(boxes, scores, strict=True)
        ]
