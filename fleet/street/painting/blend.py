"""The blending of figures, shadows and lights into a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, cycle, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.brush import Layer, Picture, Points, Window, fixed_point
from fleet.street.figures.figure import Glow

_COARSE = 4
"""Shadows and beams are soft, so that they are drawn on a picture so many times smaller."""
_APART = 8
"""Parts of such a picture with more empty columns than this between them are treated apart."""
_GLOW_PX = 96
_BEAM_TONES = (60, 130, 230)


@dataclass(frozen=True, eq=False)
class Patch:
    """What a layer makes of a window of the picture."""

    window: Window
    """The window of the picture."""
    kept: Picture
    """u8 [rows, columns, 3]: how much of the picture remains below it, of 255."""
    ink: Picture
    """u8 [rows, columns, 3]: the colours that it adds."""

    def lay(self, picture: Picture) -> None:
        """Blend it into a picture u8 [height, width, 3]."""
        part = picture[self.window]
        cv2.multiply(part, self.kept, dst=part, scale=1 / 255)
        cv2.add(part, self.ink, dst=part)


def kept_below(alpha: Picture) -> Picture:
    """Return how much of a picture remains below alpha u8 [rows, columns], for each colour."""
    return np.asarray(cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB), np.uint8)


def lay(picture: Picture, layer: Layer) -> None:
    """Blend the part of a layer that lies in the picture into it, u8 [height, width, 3]."""
    found = overlap(layer.left, layer.top, layer.tone.shape, picture.shape)
    if found is not None:
        window, inner = found
        alpha = np.asarray(cv2.extractChannel(layer.rgba[inner], 3), np.uint8)
        Patch(window, kept_below(alpha), layer.ink(inner)).lay(picture)


def overlap(
    left: int, top: int, shape: tuple[int, ...], picture: tuple[int, ...]
) -> tuple[Window, Window] | None:
    """Return the window of a picture that a layer covers, and that of the layer; None if none.

    Shapes are (rows, columns, ...).
    """
    rows = slice(max(0, top), min(picture[0], top + shape[0]))
    columns = slice(max(0, left), min(picture[1], left + shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    inner = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    return (rows, columns), inner


def darken(picture: Picture, shapes: Sequence[Points], strength: float, soft: int) -> None:
    """Remove `strength` (0..1) of the light inside shapes, with edges about `soft` px wide."""
    for small, window, size in _soft_parts(picture, shapes, soft):
        kept = cv2.resize(cv2.LUT(small, _remaining(strength)), size)
        part = picture[window]
        cv2.multiply(part, cv2.cvtColor(kept, cv2.COLOR_GRAY2RGB), dst=part, scale=1 / 255)


@lru_cache
def _remaining(strength: float) -> NDArray[np.uint8]:
    """Return how much light remains under each value of a mask: u8 [256], of 255."""
    return 255 - (np.arange(256, dtype=np.uint8) * strength).astype(np.uint8)


def brighten(
    picture: Picture, shapes: Sequence[Points], colour: tuple[float, float, float]
) -> None:
    """Light up shapes on the ground: surfaces become brighter, and the air shines a little.

    Shapes come in threes: the faint far part of a beam, its middle, its bright near part.
    """
    shines = (np.arange(256)[:, None] * (0.07 * np.array(colour))).astype(np.uint8)
    for small, window, size in _soft_parts(picture, shapes, 20, _BEAM_TONES):
        light = cv2.cvtColor(cv2.resize(small, size), cv2.COLOR_GRAY2RGB)
        shine = cv2.resize(shines.take(small, 0), size)
        part = picture[window]
        cv2.add(part, cv2.multiply(part, light, scale=1.3 / 255), dst=part)
        cv2.add(part, shine, dst=part)


def glow(picture: Picture, lamp: Glow) -> None:
    """Add the glow of a lamp."""
    size = max(3, round(2 * lamp.radius_px))
    left, top = (round(centre - size / 2) for centre in lamp.centre_px)
    window = overlap(left, top, (size, size), picture.shape)
    if window is None:
        return
    where, inner = window
    halo = cv2.resize(_halo(), (size, size), interpolation=cv2.INTER_AREA)[inner]
    light = (halo[..., None] * np.array(lamp.colour) * 255).astype(np.uint8)
    picture[where] = cv2.add(np.ascontiguousarray(picture[where]), light)


@cache
def _halo() -> NDArray[np.float32]:
    """Return a bright core in a wide faint ring: f32 [96, 96] in 0..1."""
    x = (np.arange(_GLOW_PX) + 0.5) / _GLOW_PX * 2 - 1
    away = np.hypot(x[None], x[:, None])
    halo = 1.2 * np.exp(-((away / 0.14) ** 2)) + 0.5 * np.exp(-away / 0.20)
    return np.asarray(np.clip(halo, 0, 1) * np.clip(1.6 - 1.6 * away, 0, 1), np.float32)


def _soft_parts(
    picture: Picture, shapes: Sequence[Points], soft: int, tones: tuple[int, ...] = (255,)
) -> Iterator[tuple[Picture, Window, tuple[int, int]]]:
    """Yield the parts of `_mask` that are not empty, each with its window and the window's size.

    Enlarged, each part is what the whole mask would be there.
    """
    found = _mask(picture, shapes, soft, tones)
    if found is None:
        return
    mask, lines = found
    width = picture.shape[1]
    if (lines.stop - lines.start) % _COARSE or width % _COARSE:
        # The steps from pixel to pixel are not those of a part.
        yield mask, (lines, slice(0, width)), (width, lines.stop - lines.start)
        return
    used = np.flatnonzero(mask.max(0))
    for columns in np.split(used, np.flatnonzero(np.diff(used) > _APART) + 1):
        if len(columns):
            left, right = max(0, int(columns[0]) - 1), min(mask.shape[1], int(columns[-1]) + 2)
            _, first, _, count = cv2.boundingRect(mask[:, left:right])
            top, bottom = max(0, first - 1), min(mask.shape[0], first + count + 1)
            rows = slice(lines.start + top * _COARSE, lines.start + bottom * _COARSE)
            window = (rows, slice(left * _COARSE, right * _COARSE))
            size = ((right - left) * _COARSE, (bottom - top) * _COARSE)
            yield mask[top:bottom, left:right], window, size


def _mask(
    picture: Picture, shapes: Sequence[Points], soft: int, tones: tuple[int, ...] = (255,)
) -> tuple[NDArray[np.uint8], slice] | None:
    """Return a picture _COARSE times smaller with soft shapes, and the rows that it covers."""
    height, width = picture.shape[:2]
    if not shapes:
        return None
    points = np.concatenate(list(shapes))
    low = float(points[:, 1].min()) - 2 * soft - _COARSE
    high = float(points[:, 1].max()) + 2 * soft + _COARSE
    top = max(0, int(low)) // _COARSE * _COARSE
    bottom = min(height, -(-int(high) // _COARSE) * _COARSE)
    if top >= bottom:
        return None
    mask = np.zeros((-(-(bottom - top) // _COARSE), -(-width // _COARSE)), np.uint8)
    fixed, fill = fixed_point((points - (0, top)) / _COARSE - 0.5, 4), cv2.fillConvexPoly
    ends = [0, *accumulate(map(len, shapes))]
    for (start, end), tone in zip(pairwise(ends), cycle(tones), strict=False):
        fill(mask, fixed[start:end], tone, cv2.LINE_AA, 4)
    wide = max(3, 2 * (soft // _COARSE) + 1)
    return np.asarray(cv2.blur(mask, (wide, wide)), np.uint8), slice(top, bottom)
