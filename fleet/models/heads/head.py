"""What a head is: how the raw outputs of one network family become boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes of one picture before suppression.

    `xyxy`: float32 [n, 4], x1, y1, x2, y2 in canvas pixels. `score`: float32 [n] in 0..1.
    `class_id`: int32 [n].
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.score)

    def take(self, index: NDArray[np.intp]) -> Candidates:
        """Give some of them, in the order asked for."""
        return Candidates(self.xyxy[index], self.score[index], self.class_id[index])


class Head(Protocol):
    """Reads one family of networks; holds no state, so one serves all threads."""

    @property
    def order(self) -> ChannelOrder:
        """The channel order that such networks are trained on."""

    @property
    def scale(self) -> float:
        """The factor that brings 0..255 to the range that they are trained on."""

    @property
    def fit(self) -> Fit:
        """How they expect the picture on the canvas."""

    @property
    def iou(self) -> float:
        """The overlap above which the usual programs suppress a box."""

    @property
    def per_class(self) -> bool:
        """Whether only boxes of one class suppress each other."""

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Say in a sentence why outputs of these shapes are not this head's; None if they are.

        `labels`: how many classes there are. `canvas`: the size of the network's input.
        """

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Read one batch: per picture the boxes with a score above `threshold`."""
