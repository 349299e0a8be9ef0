"""The head of YOLOX as its exporter writes it: a row a cell, boxes in units of their stride."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Size
from fleet.models.heads.grid import cell_table, strides_of
from fleet.models.heads.head import Candidates, Claim, Head, Shape, Traits
from fleet.models.heads.numbers import best_above, corners

BEFORE_CLASSES = 5
OBJECTNESS = 4
MOST_GROWTH = np.float32(np.log(1000))
"""The limit for exp: a box of 1000 cells is larger than any picture, infinity is no box."""


@dataclass(frozen=True)
class YoloX(Head):
    """A head for an output float32 [N, cells, 5 + classes].

    In the row of column j and row i of a map with a stride of s pixels the centre is (s * (j + x),
    s * (i + y)), the size (s * e^w, s * e^h); objectness and classes are activated, the score is
    their product (Ge et al., "YOLOX", exported without --decode_in_inference). Such networks are
    trained on letterboxed pictures, BGR, 0..255.
    """

    order: ChannelOrder = ChannelOrder.BGR
    scale: float = 1.0
    NAMES: ClassVar[frozenset[str]] = frozenset({"output", "preds"})
    """What the exporters of this layout call the output; YOLOv6 has the same shape in pixels."""

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there is one row for each cell, by a name that its exporters use."""
        shape = traits.only(3)
        if shape is None or not traits.are(classes := shape[2] - BEFORE_CLASSES):
            return None
        name = traits.outputs[0].name
        if strides_of(traits.canvas, shape[1]) is None or name not in self.NAMES:
            return None
        return Claim(classes, f"{name} {list(shape)} is a row a cell, objectness before classes")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not [N, cells, 5 + labels]; see Head."""
        if len(outputs) != 1 or len(outputs[0]) != 3:
            return "it reads one output [N, cells, 5 + classes]"
        _, cells, columns = outputs[0]
        if (classes := columns - BEFORE_CLASSES) != labels:
            return f"the output has {classes} classes and there are {labels} labels"
        if strides_of(canvas, cells) is None:
            return f"{cells} rows are not the cells of strides 8, 16 and 32 of an input of {canvas}"
        return None

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read [N, cells, 5 + classes]; see Head."""
        strides = strides_of(canvas, outputs[0].shape[1])
        assert strides is not None
        table = cell_table(canvas, strides)
        return [_picture(rows, table, threshold) for rows in outputs[0]]


def _picture(rows: NDArray[np.float32], table: NDArray[np.float32], threshold: float) -> Candidates:
    likely = rows[:, OBJECTNESS] > threshold * (1 - 1e-5)
    rows, table = rows[likely], table[likely]
    step = table[:, 2:]
    centre = (rows[:, 0:2] + table[:, 0:2]) * step
    size = np.exp(np.minimum(rows[:, 2:4], MOST_GROWTH)) * step
    scores = rows[:, BEFORE_CLASSES:] * rows[:, OBJECTNESS, None]
    return best_above(corners(np.concatenate([centre, size], axis=1)), scores, threshold)
