"""Random changes of a picture and its truth: mirroring, moving, zooming, tinting."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.train.data.pictures import BAND, BAND_TOP, BORDER, CONTENT, Band

Truth = NDArray[np.float32]
CONTENT_TOP = CONTENT.top - BAND_TOP
"""The first row of the picture in the band."""
_LEAST_ZOOM, _MOST_ZOOM = 0.7, 1.6


@dataclass(frozen=True)
class Change:
    """The strength of the changes."""

    zoom: float = 0.4
    """The probability of a zoom."""
    tint: float = 1.0
    """The strength of the tint, 0 for none."""


def changed(
    band: Band, truth: Truth, rng: np.random.Generator, change: Change
) -> tuple[Band, Truth]:
    """Return a changed picture, u8 [256, 416, 3], and its rows of truth (`Samples.truth`)."""
    content = band[CONTENT_TOP : CONTENT_TOP + CONTENT.height]
    truth = truth.copy()
    truth[:, [3, 5]] -= CONTENT_TOP
    if rng.random() < 0.5:
        content = content[:, ::-1]
        truth[:, [2, 4]] = CONTENT.width - truth[:, [4, 2]]
    if rng.random() < change.zoom:
        content, truth = _zoomed(content, truth, rng)
    canvas, truth = _pasted(content, truth, rng)
    if change.tint:
        canvas = _tinted(canvas, rng, change.tint)
    return canvas, truth


def _zoomed(content: Band, truth: Truth, rng: np.random.Generator) -> tuple[Band, Truth]:
    zoom = float(np.exp(rng.uniform(np.log(_LEAST_ZOOM), np.log(_MOST_ZOOM))))
    height, width = content.shape[:2]
    if zoom > 1:
        part = (round(width / zoom), round(height / zoom))
        left = int(rng.integers(width - part[0] + 1))
        top = int(rng.integers(height - part[1] + 1))
        content = content[top : top + part[1], left : left + part[0]]
        truth = clipped(truth, (left, top), part)
        size, filter_ = (width, height), cv2.INTER_LINEAR
    else:
        size, filter_ = (round(width * zoom), round(height * zoom)), cv2.INTER_AREA
    truth[:, 2:6] *= np.tile((size[0] / content.shape[1], size[1] / content.shape[0]), 2).astype(
        np.float32
    )
    resized = cv2.resize(np.ascontiguousarray(content), size, interpolation=filter_)
    return np.asarray(resized, np.uint8), truth


def _pasted(content: Band, truth: Truth, rng: np.random.Generator) -> tuple[Band, Truth]:
    """Paste the picture anywhere into a grey band: its offset to the cells must not matter."""
    height, width = content.shape[:2]
    top = int(rng.integers(BAND.height - height + 1))
    left = int(rng.integers(BAND.width - width + 1))
    canvas = np.full((BAND.height, BAND.width, 3), BORDER, np.uint8)
    canvas[top : top + height, left : left + width] = content
    truth[:, [2, 4]] += left
    truth[:, [3, 5]] += top
    return canvas, truth


def clipped(truth: Truth, origin: tuple[int, int], size: tuple[int, int]) -> Truth:
    """Return the truth of a part of the picture; a figure's area outside of it counts as hidden."""
    truth = truth.copy()
    area = (truth[:, 4] - truth[:, 2]) * (truth[:, 5] - truth[:, 3])
    for axis in (0, 1):
        edges = truth[:, [2 + axis, 4 + axis]] - origin[axis]
        truth[:, [2 + axis, 4 + axis]] = np.clip(edges, 0, size[axis])
    left = (truth[:, 4] - truth[:, 2]) * (truth[:, 5] - truth[:, 3])
    truth[:, 6] = 1 - (1 - truth[:, 6]) * left / np.maximum(area, 1e-6)
    return truth[left > 0]


def _tinted(canvas: Band, rng: np.random.Generator, share: float) -> Band:
    """Change brightness, contrast and colour by a curve for each channel."""
    gain = np.exp(rng.normal(0, 0.12 * share) + rng.normal(0, 0.03 * share, 3))
    gamma = np.exp(rng.normal(0, 0.12 * share))
    levels = (np.arange(256) / 255)[:, None] ** gamma * gain * 255
    curves = np.clip(np.rint(levels), 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(canvas, curves), np.uint8)
