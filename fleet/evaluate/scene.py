"""What is compared: the frames that a job processed, the truth in them, and the detections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Texts = np.ndarray[Any, np.dtype[np.object_]]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in images, `n` of them."""

    image: NDArray[np.int64]
    """int64 [n], indexes into the scene's images."""
    label: NDArray[np.int64]
    """int64 [n], indexes into the scene's labels."""
    xyxy: NDArray[np.float64]
    """float64 [n, 4]: left, top, right, bottom in pixels of the source picture."""
    score: NDArray[np.float64]
    """float64 [n], 0..1."""
    ignore: NDArray[np.bool_]
    """bool [n]: the box counts neither as a hit nor as a miss."""

    def __post_init__(self) -> None:
        count = len(self.image)
        lengths = {len(self.label), len(self.score), len(self.ignore)}
        if self.xyxy.shape != (count, 4) or lengths != {count}:
            raise ValueError(f"{count} boxes need as many labels, scores and coordinates [n, 4]")

    def __len__(self) -> int:
        return len(self.image)

    @property
    def area(self) -> NDArray[np.float64]:
        """Width times height in square pixels: float64 [n]."""
        area: NDArray[np.float64] = (self.xyxy[:, 2:] - self.xyxy[:, :2]).prod(axis=1)
        return area


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What is not compared, so that nobody takes an evaluation for one of everything."""

    videos: int
    """Videos of the output that have no truth."""
    truth: int
    """Rows of the truth on frames or videos that the output does not have."""
    detections: dict[str, int]
    """How many detections have a label that the truth does not have, by label."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Images with their truth and their detections."""

    labels: tuple[str, ...]
    """The labels of the truth."""
    camera: Texts
    """The camera of each image: text [images]."""
    light: Texts | None
    """The light of each image, empty where it is unknown: text [images]; None: in no image."""
    truth: Boxes
    detections: Boxes
    videos: int
    """How many videos the images are of."""
    left_out: LeftOut

    def __len__(self) -> int:
        return len(self.camera)

    def __repr__(self) -> str:
        counts = f"{len(self.truth)} in truth, {len(self.detections)} detected"
        return f"Scene({len(self)} images, {counts})"
