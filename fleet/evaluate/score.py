"""How good detections are, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Score:
    """How good the detections are on one slice of the scene.

    `objects`: in the truth, those to be ignored left out. `ap50`, `ap`: AP@0.5 and AP@0.5:0.95,
    the mean over the labels that the slice has; `recall50`: the share found at all, at an IoU of
    0.5. `precision`: at IoU 0.5, float64 [101], by recall 0, 0.01, ... 1. None where the slice has
    no object.
    """

    objects: int
    ap50: float | None
    ap: float | None
    recall50: float | None
    precision: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores over everything, and by label, camera, size and light (empty where it is not told)."""

    overall: Score
    by_class: dict[str, Score]
    by_camera: dict[str, Score]
    by_size: dict[str, Score]
    by_light: dict[str, Score]
