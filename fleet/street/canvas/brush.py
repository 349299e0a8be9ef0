"""Sheets that figures are drawn on: shapes with smooth edges over a transparent ground."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size

_SHIFT = 4
"""Binary places of a pixel that OpenCV takes in a shape's points."""
_SWEEP = np.linspace(np.pi / 2, 3 * np.pi / 2, 6)
_FARTHEST = 1 << 20
_SMALL_PX, _FINEST = 110, 4
"""Sheets lower than this are drawn larger and shrunk, up to so many times."""

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Layer:
    """Part of a picture: RGBA u8 [rows, columns, 4], colours multiplied by alpha, and its place.

    `left` and `top` may be negative: it may reach out of the picture.
    """

    left: int
    top: int
    rgba: Picture


class Sheet:
    """A transparent sheet over a part of the picture; points are given in the picture's pixels.

    Colours are RGB in 0..1 and are cut off there.
    """

    def __init__(self, left: int, top: int, size: Size, fine: int) -> None:
        self.left, self.top, self.fine = left, top, fine
        self._pixels = np.zeros((size.height * fine, size.width * fine, 4), np.uint8)
        self._origin = np.array([left, top]) + 0.5 / fine

    def fill(self, shapes: Iterable[NDArray[np.int32]], paints: Iterable[list[float]]) -> None:
        """Fill convex polygons that `fixed` gave, each with its paint RGBA in 0..255."""
        for shape, paint in zip(shapes, paints, strict=True):
            cv2.fillConvexPoly(self._pixels, shape, paint, cv2.LINE_AA, _SHIFT)

    def polygons(self, shapes: Iterable[NDArray[np.int32]], colours: Points) -> None:
        """Fill polygons that `fixed` gave, one after the other; colours f64 [polygons, 3]."""
        for shape, colour in zip(shapes, _paints(colours), strict=True):
            cv2.fillPoly(self._pixels, [shape], colour, cv2.LINE_AA, _SHIFT)

    def convexes(self, shapes: Points, colours: Points) -> None:
        """Fill convex polygons of as many points each, f64 [n, points, 2], colours f64 [n, 3]."""
        self.fill(self.fixed(shapes), _paints(colours))

    def outline(self, points: Points, colour: Points, width_px: float) -> None:
        """Draw a closed line, f64 [n, 2]."""
        thick = max(1, round(width_px * self.fine))
        cv2.polylines(
            self._pixels,
            [self.fixed(points)],
            True,
            _paints(colour[None])[0],
            thick,
            cv2.LINE_AA,
            _SHIFT,
        )

    def layer(self, gloss: float = 0.35) -> Layer:
        """Finish: shade it from top to bottom, roughen it a little and shrink it to the picture."""
        height, width = self._pixels.shape[:2]
        pixels = self._pixels
        if self.fine > 1:
            small = (width // self.fine, height // self.fine)
            pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
        shading = cv2.resize(_shading(gloss), (pixels.shape[1], pixels.shape[0]))
        shaded = cv2.multiply(pixels, shading, scale=1 / 255)
        return Layer(self.left, self.top, np.asarray(shaded, np.uint8))

    def fixed(self, points: Points) -> NDArray[np.int32]:
        """Write points of the picture f64 [..., 2] as OpenCV takes them on this sheet."""
        return fixed_point((points - self._origin) * self.fine, _SHIFT)


def sheet_over(points: Points, pad_px: float, picture: Size) -> Sheet | None:
    """Lay a sheet over points f64 [n, 2] and `pad_px` around them; None if none is in the picture.

    It may reach out of the picture by the picture's own size.
    """
    low, high = points.min(0) - pad_px, points.max(0) + pad_px
    return sheet_between(low.tolist(), high.tolist(), picture)


def sheet_between(low: Sequence[float], high: Sequence[float], picture: Size) -> Sheet | None:
    """Lay a sheet over a rectangle given by its corners (x, y); otherwise as `sheet_over`."""
    width, height = picture.width, picture.height
    if high[0] <= 0 or high[1] <= 0 or low[0] >= width or low[1] >= height:
        return None
    left, top = max(floor(low[0]), -width), max(floor(low[1]), -height)
    right, bottom = min(ceil(high[0]), 2 * width), min(ceil(high[1]), 2 * height)
    fine = min(max(round(_SMALL_PX / (bottom - top)), 1), _FINEST)
    return Sheet(left, top, Size(right - left, bottom - top), fine)


def fixed_on(sheets: Sequence[Sheet | None], points: Points) -> NDArray[np.int32]:
    """Write points of the picture f64 [sheets, ..., 2] as `Sheet.fixed` does, each on its sheet."""
    fine = np.array([sheet.fine if sheet else 1 for sheet in sheets])
    origin = np.array([(sheet.left, sheet.top) if sheet else (0, 0) for sheet in sheets])
    apart = (len(sheets), *[1] * (points.ndim - 2))
    fine, origin = fine.reshape(*apart, 1), origin.reshape(*apart, 2)
    return fixed_point((points - (origin + 0.5 / fine)) * fine, _SHIFT)


def capsules(ends: Points, radii_px: NDArray[np.float64]) -> Points:
    """Outline limbs: from ends f64 [n, 2, 2] and their radii f64 [n, 2] to f64 [n, 12, 2]."""
    axis = ends[:, 1] - ends[:, 0]
    turn = np.arctan2(axis[:, 1], axis[:, 0])[:, None]
    back = turn + _SWEEP
    round_off = np.stack([np.cos(back), np.sin(back)], -1)
    first = ends[:, :1] + radii_px[:, :1, None] * round_off
    last = ends[:, 1:] - radii_px[:, 1:, None] * round_off
    return np.concatenate([first, last], 1)


def fixed_point(points: Points, places: int) -> NDArray[np.int32]:
    """Write pixels as OpenCV takes them: whole numbers with so many binary places."""
    fixed = np.rint(points * (1 << places))
    return np.minimum(np.maximum(fixed, -_FARTHEST), _FARTHEST).astype(np.int32)


def _paints(colours: Points) -> list[list[float]]:
    """Write colours f64 [n, 3] in 0..1 as RGBA in 0..255."""
    paints = np.full((len(colours), 4), 255.0)
    np.minimum(np.maximum(colours * 255, 0), 255, out=paints[:, :3])
    return paints.tolist()


@cache
def _shading(gloss: float) -> Picture:
    """Light from above on a rounded, slightly uneven body: u8 [64, 64, 4], alpha 255."""
    rng = np.random.default_rng(64)
    down, aside = np.mgrid[0:64, 0:64] / 63.0
    rounded = 1 - gloss * (0.55 * down + 0.45 * (2 * aside - 1) ** 2)
    uneven = cv2.GaussianBlur(rng.normal(0, 1, (64, 64)), (0, 0), 1.2)
    tone = np.clip(rounded + 0.15 * gloss * uneven / uneven.std(), 0, 1)
    shading = np.full((64, 64, 4), 255, np.uint8)
    shading[..., :3] = (tone * 255)[..., None]
    return shading
