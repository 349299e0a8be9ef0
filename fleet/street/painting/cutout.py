"""A figure as it is laid into the picture: without what stands before it, and its mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.brush import Layer, Picture, Window
from fleet.street.figures.figure import Drawn
from fleet.street.painting.blend import Patch, kept_below, overlap
from fleet.street.scene.actors import Actor
from fleet.street.scene.truth import Silhouette

SOLID = 127
"""A pixel belongs to a figure with an alpha above this, out of 255."""
_BLUR_PX = (3, 9)
"""The width and height over which a mirror image is blurred."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """A figure in a frame."""

    drawn: Drawn
    """The figure as it was drawn."""
    silhouette: Silhouette
    """Its visible area."""
    patch: Patch | None
    """Its pixels; None where all are outside the picture, and its lights or shadow may be inside."""
    mirror: Patch | None
    """Its faint mirror image on wet ground below it; None where there is none."""


def cut_out(actor: Actor, drawn: Drawn, stands_m: NDArray[np.float32], *, wet: bool) -> Cutout | None:
    """Return a figure without the parts that trees and lamp posts hide; None if it has none.

    `stands_m` is [height, width], the distance of the tree or post in each pixel.
    """
    layer = drawn.layer
    alpha = np.asarray(cv2.extractChannel(layer.rgba, 3), np.uint8)
    solid = np.asarray(cv2.threshold(alpha, SOLID, 1, cv2.THRESH_BINARY)[1], np.uint8)
    area = cv2.countNonZero(solid)
    if not area:
        return None
    patch, found = None, overlap(layer.left, layer.top, alpha.shape, stands_m.shape)
    if found is not None:
        window, inner = found
        behind = stands_m[window] < drawn.distance_m
        if behind.any():
            for part in (layer.rgba, alpha, solid):
                part[inner][behind] = 0
        patch = Patch(window, kept_below(alpha[inner]), layer.ink(inner))
    mask = solid.view(np.bool_)
    return Cutout(
        drawn=drawn,
        silhouette=Silhouette(actor.number, actor.kind, layer.left, layer.top, mask, area),
        patch=patch,
        mirror=_mirror(layer, alpha, solid, stands_m.shape) if wet else None,
    )


def _mirror(
    layer: Layer, alpha: Picture, solid: Picture, picture: tuple[int, ...]
) -> Patch | None:
    """Return a faint mirror image of a figure on the wet ground below it."""
    _, top, _, rows = cv2.boundingRect(solid)
    foot = top + rows
    height = max(1, foot * 2 // 3)
    found = overlap(layer.left, layer.top + foot, (height, alpha.shape[1]), picture)
    if found is None or not rows:
        return None
    window, shown = found
    near, within = _widened(shown, (height, alpha.shape[1]))
    source = (slice(foot - near[0].stop, foot - near[0].start), near[1])
    shaded = cv2.cvtColor(layer.ink(source), cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(alpha[source], shaded, 3)
    fading = _fading(height)[near[0]]
    dim = (np.multiply(shaded[::-1], fading, dtype=np.uint16) >> 8).astype(np.uint8)
    blurred = cv2.blur(dim, _BLUR_PX)[within]
    cover = np.asarray(cv2.extractChannel(blurred, 3), np.uint8)
    ink = np.asarray(cv2.cvtColor(blurred, cv2.COLOR_RGBA2RGB), np.uint8)
    return Patch(window, kept_below(cover), ink)


def _widened(window: Window, shape: tuple[int, int]) -> tuple[Window, Window]:
    """Return a window with all that is blurred into it, and where it lies in that."""
    sides = [
        (max(0, part.start - blur // 2), min(most, part.stop + blur // 2), part)
        for part, most, blur in zip(window, shape, reversed(_BLUR_PX), strict=True)
    ]
    rows, columns = (slice(start, stop) for start, stop, _ in sides)
    down, aside = (slice(part.start - start, part.stop - start) for start, _, part in sides)
    return (rows, columns), (down, aside)


@lru_cache(1024)
def _fading(height: int) -> NDArray[np.uint16]:
    """Return the strength of each row of a mirror image, of 256: u16 [height, 1, 1]."""
    return np.linspace(66, 0, height).astype(np.uint16)[:, None, None]
