"""The protocol of a head, which turns the raw outputs of one family of networks into boxes."""

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
    """Boxes of one picture before suppression."""

    xyxy: NDArray[np.float32]
    """[n, 4]: x1, y1, x2, y2 in pixels of the network's input."""
    score: NDArray[np.float32]
    """[n], in 0..1."""
    class_id: NDArray[np.int32]
    """[n], from 0."""

    def __len__(self) -> int:
        return len(self.score)

    def take(self, index: NDArray[np.intp]) -> Candidates:
        """Return the boxes of these indices, in their order."""
        return Candidates(self.xyxy[index], self.score[index], self.class_id[index])


class Head(Protocol):
    """A reader of one family of networks; it has no state, so that one serves all threads."""

    @property
    def order(self) -> ChannelOrder:
        """The channel order that such networks are trained on."""

    @property
    def scale(self) -> float:
        """The factor from 0..255 to the range that such networks are trained on."""

    @property
    def fit(self) -> Fit:
        """How such networks expect the picture on their input."""

    @property
    def iou(self) -> float:
        """The overlap above which the usual programs suppress a box."""

    @property
    def per_class(self) -> bool:
        """Return whether only boxes of one class suppress each other."""

    def explain_mismatch(self, outputs: Sequence[Shape], labels: int, canvas: Size) -> str | None:
        """Return why the head cannot read outputs of these shapes, as a clause; None where it can.

        `labels` is the number of classes, `canvas` the size of the network's input.
        """

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Return for each picture of a batch the boxes with a score above `threshold`."""
