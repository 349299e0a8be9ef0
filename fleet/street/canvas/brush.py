"""Sheets that figures are drawn on: shapes with smooth edges over a transparent ground."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size

_SHIFT = 4
"""The binary digits after the point in the coordinates that OpenCV takes."""
_SWEEP = np.linspace(np.pi / 2, 3 * np.pi / 2, 6)
_FARTHEST = 1 << 20
_SMALL_PX, _FINEST = 110, 4
"""Sheets lower than the first are drawn larger, up to the second times, and shrunk."""
_SMALL = 1 << 13
"""The shades of sheets with fewer pixels are kept: figures of one size come again and again."""

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]
Window = tuple[slice, slice]
"""Rows and columns of a picture."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A part of a picture, which may reach out of it."""

    left: int
    """The left edge in the picture, negative outside of it."""
    top: int
    """The top edge in the picture, negative outside of it."""
    rgba: Picture
    """[rows, columns, 4], with colours multiplied by alpha, without light and shade."""
    tone: Picture
    """[rows, columns], how much of its colours is left in light and shade, of 255."""

    def ink(self, window: Window) -> Picture:
        """Return the colours of a part in light and shade: u8 [rows, columns, 3]."""
        colours = cv2.cvtColor(self.rgba[window], cv2.COLOR_RGBA2RGB)
        tone = cv2.cvtColor(self.tone[window], cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.multiply(colours, tone, dst=colours, scale=1 / 255), np.uint8)


class Sheet:
    """A transparent sheet over a part of the picture; points are in pixels of the picture.

    Colours are RGB, and are clipped to 0..1.
    """

    def __init__(self, left: int, top: int, size: Size, fine: int) -> None:
        self.left, self.top, self.fine = left, top, fine
        self._size = size

    @cached_property
    def _pixels(self) -> Picture:
        return np.zeros((self._size.height * self.fine, self._size.width * self.fine, 4), np.uint8)

    def fill(self, shapes: Iterable[NDArray[np.int32]], paints: Iterable[Sequence[float]]) -> None:
        """Fill convex polygons in the form of `fixed`, each with its paint RGBA in 0..255."""
        pixels, fill = self._pixels, cv2.fillConvexPoly
        for shape, paint in zip(shapes, paints, strict=True):
            fill(pixels, shape, paint, cv2.LINE_AA, _SHIFT)

    def polygons(self, shapes: Iterable[NDArray[np.int32]], colours: Points) -> None:
        """Fill polygons in the form of `fixed`, in order; colours are f64 [polygons, 3]."""
        for shape, colour in zip(shapes, _paints(colours), strict=True):
            cv2.fillPoly(self._pixels, [shape], colour, cv2.LINE_AA, _SHIFT)

    def convexes(self, shapes: Points, colours: Points) -> None:
        """Fill convex polygons, f64 [n, points, 2], in colours f64 [n, 3]."""
        self.fill(self.fixed(shapes), _paints(colours))

    def outline(self, points: Points, colour: Points, width_px: float) -> None:
        """Draw a closed line through points f64 [n, 2]."""
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
        """Return what is drawn as a layer, shaded from top to bottom, shrunk to the picture."""
        fine, height, width = self.fine, self._size.height, self._size.width
        aside, down, wide, high = cv2.boundingRect(cv2.extractChannel(self._pixels, 3))
        # A mirror image is blurred by a pixel, and begins a share of the sheet's height below.
        left, right = max(0, aside // fine - 2), min(width, -(-(aside + wide) // fine) + 2)
        bottom = max(1, -(-(down + high) // fine))
        pixels = self._pixels[: bottom * fine, left * fine : right * fine]
        if fine > 1:
            small = (right - left, bottom)
            pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
        shaded = _tone_of if height * width < _SMALL else _tone_of.__wrapped__
        tone = shaded(gloss, height, width)[:bottom, left:right]
        return Layer(self.left + left, self.top, pixels, tone)

    def fixed(self, points: Points) -> NDArray[np.int32]:
        """Return points of the picture, f64 [..., 2], in fixed point on this sheet, for OpenCV."""
        origin = np.array([self.left, self.top]) + 0.5 / self.fine
        return fixed_point((points - origin) * self.fine, _SHIFT)


def sheet_over(points: Points, pad_px: float, picture: Size) -> Sheet | None:
    """Return a sheet over points f64 [n, 2] and `pad_px` around them; None outside the picture.

    It may reach out of the picture by the size of the picture.
    """
    low, high = points.min(0) - pad_px, points.max(0) + pad_px
    return sheet_between(low.tolist(), high.tolist(), picture)


def sheet_between(low: Sequence[float], high: Sequence[float], picture: Size) -> Sheet | None:
    """Return a sheet over the rectangle between two corners (x, y), as `sheet_over` does."""
    width, height = picture.width, picture.height
    if high[0] <= 0 or high[1] <= 0 or low[0] >= width or low[1] >= height:
        return None
    left, top = max(floor(low[0]), -width), max(floor(low[1]), -height)
    right, bottom = min(ceil(high[0]), 2 * width), min(ceil(high[1]), 2 * height)
    fine = min(max(round(_SMALL_PX / (bottom - top)), 1), _FINEST)
    return Sheet(left, top, Size(right - left, bottom - top), fine)


def fixed_on(
    sheets: Sequence[Sheet | None], which: NDArray[np.int64], points: Points
) -> NDArray[np.int32]:
    """Return points f64 [n, points, 2] in fixed point, each row on the sheet of its number."""
    fine = np.array([sheet.fine if sheet else 1 for sheet in sheets])[which, None, None]
    corners = np.array([(sheet.left, sheet.top) if sheet else (0, 0) for sheet in sheets])
    return fixed_point((points - (corners[which, None] + 0.5 / fine)) * fine, _SHIFT)


def capsules(ends: Points, radii_px: NDArray[np.float64]) -> Points:
    """Return outlines of limbs, f64 [n, 12, 2], from ends f64 [n, 2, 2] and radii f64 [n, 2]."""
    axis = ends[:, 1] - ends[:, 0]
    turn = np.arctan2(axis[:, 1], axis[:, 0])[:, None]
    back = turn + _SWEEP
    round_off = np.stack([np.cos(back), np.sin(back)], -1)
    first = ends[:, :1] + radii_px[:, :1, None] * round_off
    last = ends[:, 1:] - radii_px[:, 1:, None] * round_off
    return np.concatenate([first, last], 1)


def fixed_point(points: Points, places: int) -> NDArray[np.int32]:
    """Return pixels in fixed point, as integers with so many binary digits after the point."""
    fixed = np.rint(points * (1 << places))
    return np.minimum(np.maximum(fixed, -_FARTHEST), _FARTHEST).astype(np.int32)


def _paints(colours: Points) -> list[list[float]]:
    """Return colours f64 [n, 3] in 0..1 as RGBA in 0..255."""
    paints = np.full((len(colours), 4), 255.0)
    np.minimum(np.maximum(colours * 255, 0), 255, out=paints[:, :3])
    return paints.tolist()


@lru_cache(2048)
def _tone_of(gloss: float, height: int, width: int) -> Picture:
    """Return the light and shade on a body: u8 [height, width]."""
    return np.asarray(cv2.resize(_tone(gloss), (width, height)), np.uint8)


@cache
def _tone(gloss: float) -> Picture:
    """Return light from above on a rounded, slightly uneven body: u8 [64, 64]."""
    rng = np.random.default_rng(64)
    down, aside = np.mgrid[0:64, 0:64] / 63.0
    rounded = 1 - gloss * (0.55 * down + 0.45 * (2 * aside - 1) ** 2)
    uneven = cv2.GaussianBlur(rng.normal(0, 1, (64, 64)), (0, 0), 1.2)
    tone = np.clip(rounded + 0.15 * gloss * uneven / uneven.std(), 0, 1)
    return np.asarray((tone * 255).astype(np.uint8), np.uint8)
