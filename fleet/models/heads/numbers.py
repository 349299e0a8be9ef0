"""What heads compute alike: probabilities, corners, and the best class of each candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.models.heads.head import Candidates

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_SCALE = (1 / 58.395, 1 / 57.12, 1 / 57.375)
"""What networks that begin from ImageNet's weights subtract from and multiply R, G and B by."""


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 / (1 + e^-x) of each number."""
    # exp of a very negative logit overflows to infinity, and the quotient is 0, as it should be.
    with np.errstate(over="ignore"):
        probability: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-logits))
    return probability


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of the last axis, which sum to 1."""
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probability: NDArray[np.float32] = power / power.sum(axis=-1, keepdims=True)
    return probability


def corners(centre_size: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return x1, y1, x2, y2 of boxes [n, 4] that are centre x, centre y, width, height."""
    centre, half = centre_size[:, 0:2], centre_size[:, 2:4] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def best_above(
    xyxy: NDArray[np.float32], scores: NDArray[np.float32], threshold: float
) -> Candidates:
    """Return the candidates whose best class scores above `threshold`.

    `xyxy` is [n, 4], `scores` [n, classes].
    """
    best = scores.argmax(axis=1)
    score = np.take_along_axis(scores, best[:, None], axis=1)[:, 0]
    found = np.flatnonzero(score > threshold)
    return Candidates(xyxy[found], score[found], best[found].astype(np.int32))
