"""What a classifier says of the frames of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import Rows


@dataclass(frozen=True, eq=False)
class Classes:
    """The best classes of each frame, frame by frame, the best first."""

    picture: NDArray[np.int32]
    """The position in the batch of the frame of each: int32 [m]."""
    rank: NDArray[np.int32]
    """Its place among the classes of its frame, from 1: int32 [m]."""
    class_id: NDArray[np.int32]
    """The class, a position in `labels`: int32 [m]."""
    score: NDArray[np.float32]
    """How sure the model is: float32 [m]."""
    labels: tuple[str, ...] = field(repr=False)
    """The names of all classes."""

    def __len__(self) -> int:
        return len(self.picture)

    @classmethod
    def best(cls, scores: NDArray[np.float32], top: int, labels: tuple[str, ...]) -> Classes:
        """Return the `top` best classes of each picture; of equal scores the first class.

        `scores` is [pictures, classes].
        """
        count = min(top, scores.shape[1])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return cls(
            np.repeat(np.arange(len(scores), dtype=np.int32), count),
            np.tile(np.arange(1, count + 1, dtype=np.int32), len(scores)),
            order.astype(np.int32).ravel(),
            np.take_along_axis(scores, order, axis=1).ravel(),
            labels,
        )

    @property
    def label(self) -> list[str]:
        """Return the label of each."""
        return [self.labels[class_id] for class_id in self.class_id]

    def rows(self) -> Rows:
        """Return these classes as rows with the columns of `CLASSES`."""
        columns = {
            "rank": self.rank,
            "label": self.label,
            "class_id": self.class_id,
            "score": self.score,
        }
        return Rows(self.picture, columns)
