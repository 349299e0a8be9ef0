"""The fronts of houses: walls, windows, shops and roofs, by the position on the front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.texture import Grain, Plane, band, mix, mix_into, spread, wrapped
from fleet.street.scene.world import Row

SHOP_M = 3.9
"""The height of the ground floor."""
_ROOF_M = 0.9
_SILL_M = 0.1
_SILL, _LETTERS = np.full(3, 0.8, np.float32), np.full(3, 0.9, np.float32)
_SLATE = np.array([0.24, 0.22, 0.23], np.float32)
_WARM = ((1.0, 0.78, 0.46), (0.95, 0.86, 0.66), (0.80, 0.88, 1.0))

Colours = NDArray[np.float32]


def paint_front(
    row: Row, grain: Grain, along: Plane, up: Plane, fine: Plane, lit: float
) -> tuple[Colours, Colours]:
    """Return the colours of points of a row of houses, and the light that comes from windows.

    Both are f32 [n, 3] in 0..1, without the light outside. `lit` is the share of windows with a
    lamp behind them.
    """
    house = row.house(along)
    local = along - row.edges[house]
    colour = _wall(row, grain, house, along, up, fine)
    light = np.zeros_like(colour)
    there = _at_windows(row, house, local, up, fine)
    glass, shine, cover = _windows(
        row, grain, house[there], local[there], up[there], fine[there], lit
    )
    mix_into(colour, there, glass, cover)
    light[there] = shine * spread(cover)
    below = band(up, -1.0, SHOP_M - 0.25, fine)
    low = np.flatnonzero(below)
    shop, shop_light = _shop(row, grain, house[low], local[low], up[low], fine[low], lit)
    mix_into(colour, low, shop, below[low])
    mix_into(light, low, shop_light, below[low])
    roof = band(up, row.height[house].astype(np.float32) - _ROOF_M, 1e6, fine)
    high = np.flatnonzero(roof)
    tone = 0.8 + 0.4 * grain.smooth(along[high], up[high] * 4, 0.4)
    mix_into(colour, high, tone[..., None] * _SLATE, roof[high])
    light[high] *= 1 - roof[high, None]
    gap = band(local, 0.0, 0.12, fine)
    colour *= spread(1 - 0.5 * gap)
    return colour, light


def _wall(
    row: Row, grain: Grain, house: NDArray[np.int64], along: Plane, up: Plane, fine: Plane
) -> Colours:
    tone = 1 + 0.16 * (grain.rough(along, up, 4.0, 4) - 0.5)
    tone += 0.14 * (grain.smooth(along, up * 0.08, 0.5) - 0.5)
    course = np.floor(up / 0.16).astype(np.int64)
    brick = np.floor(along / 0.42 + 0.5 * np.mod(course, 2)).astype(np.int64)
    bricks = 0.30 * (grain.pick(course, brick) - 0.5) * np.exp(-fine / 0.14)
    tone += np.where(row.brick[house], bricks, 0.0)
    storey = row.storey[house].astype(np.float32)
    ledge = band(wrapped(up - SHOP_M, storey), -0.01, 0.14, fine)
    tone *= 1 + 0.16 * ledge
    tone *= 0.78 + 0.22 * np.clip(up / 2.5, 0, 1)
    return row.wall.take(house, 0) * spread(tone)


def _windows(
    row: Row,
    grain: Grain,
    house: NDArray[np.int64],
    local: Plane,
    up: Plane,
    fine: Plane,
    lit: float,
) -> tuple[Colours, Colours, Plane]:
    column = np.floor(local / row.bay[house]).astype(np.int64)
    floor = np.floor((up - SHOP_M) / row.storey[house]).astype(np.int64)
    x, y, half_x, half_y = _panes(row, house, local, up)
    opening = band(np.abs(x), -1.0, half_x, fine) * band(np.abs(y), -1.0, half_y, fine)
    pane = band(np.abs(x), 0.04, half_x - 0.08, fine) * band(y, -half_y + 0.08, half_y - 0.08, fine)
    pane *= 1 - band(y, half_y * 0.35, half_y * 0.35 + 0.07, fine)
    chance = grain.pick(house, column, floor)
    glass = _glass(chance, y / half_y)
    frame = np.float32(0.72) * (0.55 + 0.45 * np.clip(y / half_y + 1, 0, 1)[..., None])
    lamp = np.array(_WARM, np.float32).take((chance * 997).astype(np.int64) % 3, 0)
    glowing = (chance > 1 - lit) * pane * (0.55 + 0.45 * np.clip(y / half_y, -1, 1))
    sill = band(-y, half_y, half_y + _SILL_M, fine) * band(np.abs(x), -1.0, half_x + _SILL_M, fine)
    colour = mix(frame, glass, pane)
    colour = mix(colour, _SILL, sill)
    light = (lamp * spread(glowing) * 0.85).astype(np.float32)
    return colour, light, np.maximum(opening, sill)


def _at_windows(
    row: Row, house: NDArray[np.int64], local: Plane, up: Plane, fine: Plane
) -> NDArray[np.int64]:
    """Return which points may lie on a window or its sill."""
    x, y, half_x, half_y = _panes(row, house, local, up)
    # Edges are as soft as a pixel is wide.
    reach = fine + np.float32(_SILL_M)
    return np.flatnonzero((np.abs(x) < half_x + reach) & (np.abs(y) < half_y + reach))


def _panes(
    row: Row, house: NDArray[np.int64], local: Plane, up: Plane
) -> tuple[Plane, Plane, Plane, Plane]:
    """Return how far aside and up points lie from the middle of a window, and half its sides."""
    bay, storey = row.bay[house], row.storey[house]
    x = np.asarray(wrapped(local, bay) - bay / 2, np.float32)
    y = np.asarray(wrapped(up - SHOP_M, storey) - storey * 0.5, np.float32)
    return x, y, bay * row.window[house, 0] / 2, storey * row.window[house, 1] / 2


def _glass(chance: Plane, y: Plane) -> Colours:
    """Return dark glass that mirrors the sky in its upper part; some windows have curtains."""
    sky = np.clip(0.5 + 0.5 * y, 0, 1) * (0.15 + 0.5 * wrapped(chance * 7, 1))
    dark = np.array([0.10, 0.12, 0.15], np.float32)
    glass = dark + np.array([0.42, 0.50, 0.58], np.float32) * sky[..., None]
    curtain = np.float32(0.6) * (wrapped(chance * 13, 1) < 0.25)
    return np.asarray(glass + (0.62 - glass) * curtain[..., None], np.float32)


def _shop(
    row: Row,
    grain: Grain,
    house: NDArray[np.int64],
    local: Plane,
    up: Plane,
    fine: Plane,
    lit: float,
) -> tuple[Colours, Colours]:
    """Return the ground floor: shop windows under a sign, or small windows and doors in a wall."""
    shop = row.shop[house]
    bay = np.where(shop, 2.6, row.bay[house]).astype(np.float32)
    x = wrapped(local, bay)
    column = np.floor(local / bay).astype(np.int64)
    chance = grain.pick(house, column + 50)
    door = (chance < 0.3).astype(np.float32)
    low = np.where(shop, 0.45, 1.15) * (1 - door)
    side = np.where(shop, 0.1, bay * 0.3)
    pane = band(x, side, bay - side, fine) * band(up, low.astype(np.float32), 2.75, fine)
    inside, goods = _goods(grain, house, local, up)
    base = row.wall.take(house, 0) * 0.55 + 0.06
    base *= spread(1 + 0.2 * (grain.smooth(local, up, 0.6) - 0.5))
    colour = mix(base, inside.astype(np.float32), pane)
    board = band(up, 2.9, 3.5, fine) * shop
    letters = grain.pick(house, np.floor(local / 0.28).astype(np.int64)) > 0.45
    text = letters * band(up, 3.08, 3.32, fine) * band(wrapped(local, 8.0), 2.0, 6.0, fine)
    sign = mix(row.sign.take(house, 0), _LETTERS, text * board)
    colour = mix(colour, sign, board)
    shine = (pane * (0.5 + 0.4 * goods) + 0.35 * board) * shop * (wrapped(chance * 5, 1) < lit * 2)
    warm = np.array([0.9, 0.8, 0.62], np.float32)
    return colour, (colour * 0.5 + warm * 0.3) * spread(shine)


def _goods(
    grain: Grain, house: NDArray[np.int64], local: Plane, up: Plane
) -> tuple[Colours, Plane]:
    """Return the goods behind a shop window with the mirrored sky, and how brightly it is lit."""
    shelf = np.floor(up / 0.45).astype(np.int64)
    place = np.floor(local / 0.22 + 0.37 * shelf).astype(np.int64)
    thing = grain.pick(house, place, shelf)
    tall = wrapped(up, 0.45) < 0.12 + 0.3 * thing
    seen = tall * grain.smooth(local, up, 0.5) * (up < 2.2)
    hue = np.stack([thing, wrapped(thing * 5, 1), wrapped(thing * 11, 1)], -1)
    inside = 0.09 + (0.06 + 0.28 * hue) * seen[..., None]
    inside += (0.20 * np.clip((up - 1.0) / 1.7, 0, 1) ** 2)[..., None]
    return inside.astype(np.float32), (0.45 + 0.4 * grain.smooth(local, up, 0.8)).astype(np.float32)
