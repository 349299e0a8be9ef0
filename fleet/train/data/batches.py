"""Batches of training pictures: the content of one follows from the seed and its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.street.scene.clip import LABELS
from fleet.train.data.augment import Change, changed
from fleet.train.data.pictures import BAND, BAND_TOP, BORDER, CANVAS
from fleet.train.data.samples import TRUTH_COLUMNS, Samples
from fleet.train.data.targets import MapTargets, assign, ignored

_RARE_WEIGHT = {"cyclist": 1.0, "bus": 2.0}
"""How much the weight of a picture grows for each rare class that it shows."""
_EMPTY_WEIGHT = 0.4


@dataclass(frozen=True, eq=False)
class Batch:
    """The pictures of one step, with their targets."""

    pictures: NDArray[np.uint8]
    """[N, height, width, 3], RGB."""
    targets: tuple[MapTargets, ...]
    """The targets of each map."""


class Batches:
    """A maker of any batch of a training; it keeps no state between them."""

    def __init__(self, clips: Sequence[Samples], seed: int, size: int) -> None:
        self._seed = seed
        self._size = size
        self._pictures = [(clip, number) for clip in clips for number in range(len(clip))]
        weights = np.array([_weight(clip.of(number)) for clip, number in self._pictures])
        self._until = np.cumsum(weights / weights.sum())

    def __len__(self) -> int:
        return len(self._pictures)

    def make(self, number: int, change: Change, *, whole_canvas: bool) -> Batch:
        """Return the batch of that number, on the band or on the whole canvas."""
        rng = np.random.default_rng((self._seed, number))
        chosen = np.searchsorted(self._until, rng.random(self._size)).clip(max=len(self) - 1)
        pictures, truths = [], []
        for image, index in enumerate(chosen):
            clip, picture = self._pictures[index]
            band, truth = changed(clip.bands[picture], clip.of(picture), rng, change)
            truth[:, 0] = image
            pictures.append(band)
            truths.append(truth)
        stacked, truth = np.stack(pictures), np.concatenate(truths)
        if whole_canvas:
            stacked, truth = on_canvas(stacked, truth)
        size = Size(stacked.shape[2], stacked.shape[1])
        return Batch(stacked, assign(truth, len(stacked), size))


def on_canvas(
    bands: NDArray[np.uint8], truth: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return bands u8 [N, 256, 416, 3] and their truth at their position on the whole canvas."""
    canvas = np.full((len(bands), CANVAS.height, CANVAS.width, 3), BORDER, np.uint8)
    canvas[:, BAND_TOP : BAND_TOP + BAND.height] = bands
    moved = truth.reshape(-1, TRUTH_COLUMNS).copy()
    moved[:, [3, 5]] += BAND_TOP
    return canvas, moved


def _weight(truth: NDArray[np.float32]) -> float:
    counted = truth[~ignored(truth)]
    if not len(counted):
        return _EMPTY_WEIGHT
    present = {LABELS[label] for label in np.unique(counted[:, 1].astype(int))}
    return 1.0 + sum(weight for label, weight in _RARE_WEIGHT.items() if label in present)
