"""What is compared: the frames that were looked at, what is in them, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Texts = np.ndarray[Any, np.dtype[np.object_]]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in images.

    `image`: int64 [n], an index into the scene's images. `label`: int64 [n], an index into its
    labels. `xyxy`: float64 [n, 4], pixels of the source picture. `score`: float64 [n] in 0..1.
    `ignore`: bool [n], neither hit nor miss.
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    score: NDArray[np.float64]
    ignore: NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.image)
        lengths = {len(self.label), len(self.score), len(self.ignore)}
        if self.xyxy.shape != (count, 4) or lengths != {count}:
            raise ValueError(f"{count} boxes need as many labels, scores and coordinates [n, 4]")

    def __len__(self) -> int:
        return len(self.image)

    @property
    def area(self) -> NDArray[np.float64]:
        """Width times height in square pixels, float64 [n]."""
        area: NDArray[np.float64] = (self.xyxy[:, 2:] - self.xyxy[:, :2]).prod(axis=1)
        return area


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What is not compared: why an evaluation is of less than a user may think.

    `videos`: of the output, without truth. `truth`: rows on frames that were not looked at, or on
    videos that the output has not. `found`: detections by label, of labels that the truth has not.
    """

    videos: int
    truth: int
    found: dict[str, int]


@dataclass(frozen=True, eq=False)
class Scene:
    """Images with their truth and what was found in them.

    `labels`: those of the truth. `camera`, `light`: text by image; `light` is None where the truth
    does not tell, and an image's is empty where it is not known.
    """

    labels: tuple[str, ...]
    camera: Texts
    light: Texts | None
    truth: Boxes
    found: Boxes
    videos: int
    left_out: LeftOut

    def __len__(self) -> int:
        return len(self.camera)

    def __repr__(self) -> str:
        return f"Scene({len(self)} images, {len(self.truth)} in truth, {len(self.found)} found)"
