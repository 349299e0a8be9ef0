"""Scores: how good detections are, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Score:
    """How good the detections are on one slice of the scene; None where it has no object."""

    objects: int
    """Objects in the truth, without those to be ignored."""
    ap50: float | None
    """AP@0.5, the mean over the labels that the slice has."""
    ap: float | None
    """AP@0.5:0.95, the mean over the labels that the slice has."""
    recall50: float | None
    """The share of objects that are detected at an IoU of 0.5, the mean over the labels."""
    precision: NDArray[np.float64] | None
    """The precision at an IoU of 0.5 by recall 0, 0.01, ... 1: float64 [101]."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores over everything, and by label, camera, size and light."""

    overall: Score
    by_class: dict[str, Score]
    by_camera: dict[str, Score]
    by_size: dict[str, Score]
    by_light: dict[str, Score]
    """Empty where the truth has no light."""
