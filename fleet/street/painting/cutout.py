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
    """Its pixels; None where none is in the picture, though its light or shadow may be."""
    mirror: Patch | None
    """Its faint mirror image on wet ground below it; None where there is none."""


@dataclass(frozen=True, eq=False)
class Props:
    """The trees and lamp posts in the picture."""

    stands_m: NDArray[np.float32]
    """[height, width], the distance of the nearest one in each pixel, infinite where none is."""
    windows: list[tuple[float, Window]]
    """The distance of each, and the part of the picture that it is in."""

    def add(self, layer: Layer, distance_m: float) -> None:
        """Add one that is nearer than all before."""
        found = overlap(layer.left, layer.top, layer.tone.shape, self.stands_m.shape)
        if found:
            solid = layer.rgba[found[1]][..., 3] > SOLID
            self.stands_m[found[0]][solid] = distance_m
            self.windows.append((distance_m, found[0]))

    def before(self, window: Window, distance_m: float) -> NDArray[np.bool_] | None:
        """Return where in a part of the picture one of them hides a figure; None for nowhere."""
        (rows, columns) = window
        near = any(
            distance < distance_m
            and down.start < rows.stop
            and rows.start < down.stop
            and aside.start < columns.stop
            and columns.start < aside.stop
            for distance, (down, aside) in self.windows
        )
        return self.stands_m[window] < distance_m if near else None


def cut_out(actor: Actor, drawn: Drawn, props: Props, *, wet: bool) -> Cutout | None:
    """Return a figure without the parts that trees and lamp posts hide; None if it has none."""
    layer, picture = drawn.layer, props.stands_m.shape
    alpha = np.asarray(cv2.extractChannel(layer.rgba, 3), np.uint8)
    solid = np.asarray(cv2.threshold(alpha, SOLID, 1, cv2.THRESH_BINARY)[1], np.uint8)
    area = cv2.countNonZero(solid)
    if not area:
        return None
    patch, found = None, overlap(layer.left, layer.top, alpha.shape, picture)
    if found is not None:
        window, inner = found
        behind = props.before(window, drawn.distance_m)
        if behind is not None:
            for part in (layer.rgba, alpha, solid):
                part[inner][behind] = 0
        patch = Patch(window, kept_below(alpha[inner]), layer.ink(inner))
    mask = solid.view(np.bool_)
    return Cutout(
        drawn=drawn,
        silhouette=Silhouette(actor.number, actor.kind, layer.left, layer.top, mask, area),
        patch=patch,
        mirror=_mirror(layer, alpha, solid, picture) if wet else None,
    )


def _mirror(layer: Layer, alpha: Picture, solid: Picture, picture: tuple[int, ...]) -> Patch | None:
    """Return a faint mirror image of a figure on the wet ground below it."""
    _, top, _, rows = cv2.boundingRect(solid)
    foot = top + rows
    shape = (max(1, foot * 2 // 3), alpha.shape[1])
    found = overlap(layer.left, layer.top + foot, shape, picture)
    if found is None or not rows:
        return None
    window, shown = found
    near, within = _widened(shown, shape)
    source = (slice(foot - near[0].stop, foot - near[0].start), near[1])
    shaded = cv2.cvtColor(layer.ink(source), cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(alpha[source], shaded, 3)
    fading = shaded[::-1].astype(np.uint16)
    fading *= _strengths(shape[0])[near[0]]
    fading >>= 8
    blurred = cv2.blur(fading.astype(np.uint8), _BLUR_PX)[within]
    cover = np.asarray(cv2.extractChannel(blurred, 3), np.uint8)
    faint = np.asarray(cv2.cvtColor(blurred, cv2.COLOR_RGBA2RGB), np.uint8)
    return Patch(window, kept_below(cover), faint)


def _widened(window: Window, shape: tuple[int, int]) -> tuple[Window, Window]:
    """Return a window with all that is blurred into it, and where it lies in that."""
    rows, columns = window
    aside, down = (reach // 2 for reach in _BLUR_PX)
    first, left = max(0, rows.start - down), max(0, columns.start - aside)
    last, right = min(shape[0], rows.stop + down), min(shape[1], columns.stop + aside)
    within = (
        slice(rows.start - first, rows.stop - first),
        slice(columns.start - left, columns.stop - left),
    )
    return (slice(first, last), slice(left, right)), within


@lru_cache(1024)
def _strengths(height: int) -> NDArray[np.uint16]:
    """Return the strength of each row of a mirror image, of 256: u16 [height, 1, 1]."""
    return np.linspace(66, 0, height).astype(np.uint16)[:, None, None]
