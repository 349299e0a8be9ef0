"""The head of NanoDet: classes, and the distances of four sides as distributions, a row a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size
from fleet.models.heads.grid import cell_table, strides_of
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits
from fleet.models.heads.numbers import best_above, softmax

Item = TypeVar("Item")

SIDES = 4
BINS = 8
"""The usual number of bins of a distance (reg_max 7)."""


@dataclass(frozen=True)
class NanoDet(Head):
    """A head for [N, cells, classes + 4 * bins], or for classes and distances apart.

    Classes are activated; a distance is the mean of 0..bins-1 under the softmax of its logits,
    times the stride. NanoDet-Plus has all in one output, and its cells begin at j * stride; NanoDet
    has `cls_pred_stride_8 [N, cells, classes]` and `dis_pred_stride_8 [N, cells, 4 * bins]` for
    each stride, and the centres of its cells at (j + 0.5) * stride. Such networks are trained on
    pictures that are squeezed, BGR, with a mean and a deviation a channel.
    """

    order: ChannelOrder = ChannelOrder.BGR
    scale: tuple[float, float, float] = (1 / 57.375, 1 / 57.12, 1 / 58.395)
    mean: tuple[float, float, float] = (103.53, 116.28, 123.675)
    fit: Fit = Fit.STRETCH
    iou: float = 0.6
    classes: int = 0
    """How many classes precede the distances."""
    maps: tuple[int, ...] = ()
    """Where classes and distances of each stride lie, in turn; empty where all are in one."""
    settings: ClassVar[tuple[str, ...]] = ("classes", "maps")

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for one output, or for a pair of them for each stride."""
        shapes = [output.shape for output in outputs]
        if len(shapes) == 1 or any(len(shape) != 3 for shape in shapes):
            return replace(self, classes=labels)
        scores = [at for at, shape in enumerate(shapes) if "cls" in outputs[at].name]
        sides = [at for at in range(len(shapes)) if at not in scores]
        paired = zip(
            *(sorted(group, key=lambda at: -shapes[at][1]) for group in (scores, sides)),
            strict=False,
        )
        return replace(self, classes=labels, maps=tuple(at for pair in paired for at in pair))

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are eight bins for each of four sides, a row a cell."""
        shape = traits.shapes[0]
        if len(shape) != 3:
            return None
        one = len(traits.shapes) == 1
        named = next((o.shape for o in traits.outputs if "cls" in o.name), shape)
        classes = shape[2] - SIDES * BINS if one else named[-1]
        head = self.arranged(traits.outputs, classes)
        if not traits.are(classes) or (not one and not head.maps):
            return None
        if head.explain_mismatch(traits.shapes, classes, traits.canvas):
            return None
        if one:
            return Claim(classes, f"{list(shape)} is {classes} classes and 4 * 8 bins a cell")
        return Claim(classes, f"classes and distances of {len(head.maps) // 2} strides")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not classes and bins of each cell; see Head."""
        if any(len(shape) != 3 for shape in outputs) or len(outputs) not in {1, len(self.maps)}:
            return "it reads [N, cells, classes + 4 * bins], or classes and distances of each map"
        scores, sides = self._split(outputs)
        classes, bins = scores[0][2], sides[0][2]
        if len(outputs) == 1:
            classes, bins = labels, outputs[0][2] - labels
        if classes != labels:
            return f"the output has {classes} classes and there are {labels} labels"
        if bins < 2 * SIDES or bins % SIDES:
            return f"{bins} columns besides {labels} classes are not the bins of four sides"
        cells = sum(shape[1] for shape in scores)
        if strides_of(canvas, cells) is None or cells != sum(shape[1] for shape in sides):
            return f"{cells} rows are not the cells of strides 8, 16 and 32 of an input of {canvas}"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read classes and distances of each cell; see Head."""
        if self.maps:
            parts = self._split(outputs)
            scores, bins = (np.concatenate(list(part), axis=1) for part in parts)
        else:
            scores, bins = np.split(outputs[0], [self.classes], axis=2)
        strides = strides_of(canvas, scores.shape[1])
        assert strides is not None
        table = cell_table(canvas, strides)
        origin = (table[:, :2] + np.float32(0.5 if self.maps else 0)) * table[:, 2:]
        return [
            _picture(*picture, origin, table[:, 2:], threshold)
            for picture in zip(scores, bins, strict=True)
        ]

    def _split(self, outputs: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
        found = [outputs[at] for at in self.maps] or [outputs[0], outputs[0]]
        return found[0::2], found[1::2]


def _picture(
    scores: NDArray[np.float32],
    bins: NDArray[np.float32],
    origin: NDArray[np.float32],
    step: NDArray[np.float32],
    threshold: float,
) -> Candidates:
    likely = scores.max(axis=1) > threshold
    logits = bins[likely].reshape(-1, SIDES, bins.shape[1] // SIDES)
    away = softmax(logits) @ np.arange(logits.shape[2], dtype=np.float32) * step[likely]
    near, far = origin[likely] - away[:, :2], origin[likely] + away[:, 2:]
    return best_above(np.concatenate([near, far], axis=1), scores[likely], threshold)
