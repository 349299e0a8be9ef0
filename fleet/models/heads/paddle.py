"""The head of PaddleDetection's exports: rows of class, score and box, and how many a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Fit, Size
from fleet.models.heads.head import Candidates, Claim, Head, Output, Shape, Traits

READS = "it reads rows [n, 6] of class, score and box, and how many each picture has, [N]"
ROW = 6


@dataclass(frozen=True)
class Paddle(Head):
    """A head for rows [n, 6] of class, score, x1, y1, x2, y2 in pixels, and their number [N].

    The rows of all pictures of a batch follow each other; what comes after them is not read. They
    are suppressed already. Such networks are trained on squeezed pictures, RGB, 0..1 where they are
    PP-YOLOE's.
    """

    fit: Fit = Fit.STRETCH
    iou: float = 1.0
    where: tuple[int, ...] = (0, 1)
    """Which output has the rows, and which their number."""
    settings: ClassVar[tuple[str, ...]] = ("where",)
    batch_first: ClassVar[bool] = False
    whole_numbers: ClassVar[bool] = True

    def arranged(self, outputs: Sequence[Output], labels: int) -> Self:
        """Return the head for these outputs, told apart by their shapes."""
        del labels
        turned = len(outputs) == 2 and len(outputs[0].shape) == 1
        return replace(self, where=(1, 0) if turned else (0, 1))

    def recognise(self, traits: Traits) -> Claim | None:
        """Return whether there are rows of six and a number of each picture."""
        head = self.arranged(traits.outputs, 0)
        if head.explain_mismatch(traits.shapes, 0, traits.canvas):
            return None
        rows, count = (list(traits.shapes[at]) for at in head.where)
        return Claim(None, f"{rows} and {count} are rows and their number, as PaddleDetection's")

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why these outputs are not rows and their number; see Head."""
        del labels, canvas
        if len(outputs) != 2:
            return READS
        rows, count = (outputs[at] for at in self.where)
        return None if len(rows) == 2 and rows[1] == ROW and len(count) == 1 else READS

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read rows and their number; see Head."""
        del canvas
        rows, counts = (outputs[at] for at in self.where)
        ends = np.cumsum(np.rint(counts).astype(np.int64))
        found = []
        for picture in np.split(rows[: ends[-1]], ends[:-1]):
            kept = picture[picture[:, 1] > threshold]
            class_id = np.rint(kept[:, 0]).astype(np.int32)
            found.append(Candidates(kept[:, 2:], kept[:, 1], class_id))
        return found
