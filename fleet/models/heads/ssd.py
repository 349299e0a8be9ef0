"""The head of SSD: classes with a background, and boxes, or offsets to prior boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Fit, Size
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits
from fleet.models.heads.numbers import best_above, corners

SCORES = frozenset({"scores", "confidences", "conf", "mbox_conf_flatten", "mbox_conf_softmax"})
PLACES = frozenset({"boxes", "locations", "loc", "mbox_loc"})
PRIORS = frozenset({"priors", "mbox_priorbox"})
MOST_GROWTH = np.float32(np.log(1000))
READS = "it reads scores [N, boxes, 1 + classes] and boxes [N, boxes, 4], and priors [N, 2, ...]"


@dataclass(frozen=True)
class Ssd(Head):
    """A head for scores [N, boxes, 1 + classes] and boxes [N, boxes, 4].

    Scores are activated; class 0 is the background. Boxes are x1, y1, x2, y2 relative to the
    canvas; with a third output [N, 2, boxes * 4], priors and their variances as Caffe's PriorBox
    makes them, they are offsets to those. A flat [N, boxes * 4] is read as well. Such networks are
    trained on squeezed pictures, RGB, -1..1.
    """

    scale: float = 1 / 127.5
    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    fit: Fit = Fit.STRETCH
    where: tuple[int, ...] = (0, 1)
    """Which output has the scores, the boxes and, where there are any, the priors."""
    classes: int = 0
    """How many classes there are besides the background."""
    settings: ClassVar[tuple[str, ...]] = ("where", "classes")

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs, by their names; else by their shapes."""
        found = [_place(outputs, names) for names in (SCORES, PLACES, PRIORS)[: len(outputs)]]
        if None in found:
            ends = [(1 + labels,), (4,), ()]
            shapes = [output.shape for output in outputs]
            found = [
                next((at for at, shape in enumerate(shapes) if _ends(shape, end)), None)
                for end in ends[: len(outputs)]
            ]
        where = tuple(at for at in found if at is not None)
        whole = len(where) == len(outputs) == len(set(where))
        return replace(self, where=where if whole else self.where, classes=labels)

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are scores and boxes, by the names of such exports."""
        parts = (SCORES, PLACES, PRIORS)[: len(traits.outputs)]
        if len(traits.outputs) not in {2, 3}:
            return None
        places = [_place(traits.outputs, names) for names in parts]
        if None in places:
            return None
        scores, where = (traits.shapes[at] for at in places[:2] if at is not None)
        count = where[-1] // 4 if len(where) == 2 else where[1] if len(where) > 2 else 0
        if not count or len(scores) not in {2, 3}:
            return None
        columns = scores[2] if len(scores) == 3 else scores[1] // count
        head = self.arranged(traits.outputs, columns - 1)
        if not traits.are(columns - 1):
            return None
        if head.explain_mismatch(traits.shapes, columns - 1, traits.canvas):
            return None
        return Claim(columns - 1, f"scores with a background, boxes of {count} places by name")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not scores, boxes and priors; see Head."""
        del canvas
        lengths = [len(outputs[at]) for at in self.where] if len(outputs) in {2, 3} else []
        if len(lengths) != len(outputs) or not {*lengths[:2]} <= {2, 3}:
            return READS
        scores, boxes, *priors = (outputs[at] for at in self.where)
        count = boxes[1] // 4 if len(boxes) == 2 else boxes[1]
        columns = scores[2] if len(scores) == 3 else scores[1] // max(1, count)
        odd = boxes[-1] % 4 or (len(boxes) == 3 and boxes[2] != 4)
        if odd or count * columns != np.prod(scores[1:]):
            return READS
        if columns - 1 != labels:
            return f"the output has {columns - 1} classes and there are {labels} labels"
        if priors and priors[0][1:] != (2, count * 4):
            return f"priors of {count} boxes are [N, 2, {count * 4}], not {list(priors[0])}"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read scores, boxes and priors; see Head."""
        scores, boxes, *priors = (outputs[at] for at in self.where)
        side = np.array([canvas.width, canvas.height] * 2, np.float32)
        found = []
        for score, box in zip(scores, boxes, strict=True):
            xyxy = box.reshape(-1, 4)
            if priors:
                xyxy = _placed(xyxy, *priors[0][0].reshape(2, -1, 4))
            classes = score.reshape(len(xyxy), -1)[:, 1:]
            found.append(best_above(xyxy * side, classes, threshold))
        return found


def _place(outputs: Sequence[Output], names: frozenset[str]) -> int | None:
    return next((at for at, output in enumerate(outputs) if output.name in names), None)


def _ends(shape: Shape, end: Shape) -> bool:
    return shape[-1:] == end if end else shape[1:2] == (2,)


def _placed(
    offsets: NDArray[np.float32], priors: NDArray[np.float32], variances: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return boxes from offsets to priors, all [n, 4] (SSDDetectionOutput, CENTER_SIZE)."""
    size = priors[:, 2:] - priors[:, :2]
    middle = (priors[:, 2:] + priors[:, :2]) / 2
    centre = offsets[:, :2] * variances[:, :2] * size + middle
    growth = np.exp(np.minimum(offsets[:, 2:] * variances[:, 2:], MOST_GROWTH))
    return corners(np.concatenate([centre, growth * size], axis=1))
