"""Asphalt, markings, kerbs and paving stones, by the position on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.texture import Grain, Plane, band, mix_into, wrapped
from fleet.street.scene.world import CYCLE_LANE_M, KERB_M, Street

ZEBRA_M = 3.6
"""The width of a zebra crossing, along the street."""
_STONE_M = 0.6
_LANE_RED = np.array([0.40, 0.22, 0.18], np.float32)
_WHITE = np.full(3, 0.82, np.float32)


def paint_ground(
    street: Street, grain: Grain, along: Plane, across: Plane, fine: Plane
) -> NDArray[np.float32]:
    """Return the colours of points of the ground, f32 [..., 3] in 0..1, without the light.

    Positions are in metres. `fine` is how many metres a pixel covers at the point; smaller details
    fade away.
    """
    colour = _pavement(grain, along, across, fine)
    left, right = street.kerb_m(-1), street.kerb_m(1)
    on_road = band(across, left, right, fine)
    there = np.flatnonzero(on_road)
    road = _road(street, grain, along[there], across[there], fine[there])
    mix_into(colour, there, road, on_road[there])
    kerb = band(across, left - KERB_M, left, fine) + band(across, right, right + KERB_M, fine)
    there = np.flatnonzero(kerb)
    along, across = along[there], across[there]
    stone = np.float32(0.62) + 0.1 * grain.smooth(along, across, 0.9)
    joint = band(wrapped(along, 1.0), 0.0, 0.03, np.maximum(fine[there], 0.01))
    stones = np.stack([stone, stone, stone * 0.97], -1)
    mix_into(colour, there, stones, kerb[there] * (1 - 0.4 * joint))
    return colour


def _road(
    street: Street, grain: Grain, along: Plane, across: Plane, fine: Plane
) -> NDArray[np.float32]:
    fades = np.exp(-fine / 0.04)
    tone = 0.33 + 0.11 * (grain.rough(along, across, 5.0) - 0.5)
    tone += 0.16 * fades * (grain.smooth(along, across, 0.05) - 0.5)
    tone += 0.05 * (grain.smooth(along * 0.12, across, 0.7) - 0.5)
    lane = street.road_m - CYCLE_LANE_M
    tone -= 0.03 * np.cos(np.clip(np.abs(across) / lane, 0, 1) * 4 * np.pi)
    tone *= _patches(grain, along, across)
    crack = np.abs(grain.rough(along, across, 3.1, 4) - 0.5)
    tone *= 1 - 0.45 * np.clip(1 - crack / 0.006, 0, 1) * np.exp(-fine / 0.06)
    grey = np.stack([tone, tone, tone * 1.03], -1).astype(np.float32)
    cycle = band(np.abs(across), lane, street.road_m, fine)
    there = np.flatnonzero(cycle)
    lane_red = (tone[there] / 0.33)[..., None] * _LANE_RED
    mix_into(grey, there, lane_red, cycle[there] * np.float32(0.75))
    painted, cover = _markings(street, grain, along, across, fine)
    mix_into(grey, painted, _WHITE, cover)
    return grey


def _patches(grain: Grain, along: Plane, across: Plane) -> Plane:
    """Return where the road was repaired: rectangles that are a little darker or lighter."""
    cell_x, cell_y = np.floor(along / 6.5), np.floor((across + 40) / 2.3)
    chosen = grain.pick(cell_x.astype(np.int64), cell_y.astype(np.int64))
    place = wrapped(along, 6.5)
    inside = (place > 1.2) & (place < 5.1 * chosen + 1.2)
    return np.where((chosen > 0.82) & inside, 0.72 + 0.5 * (1 - chosen), 1.0).astype(np.float32)


def _markings(
    street: Street, grain: Grain, along: Plane, across: Plane, fine: Plane
) -> tuple[NDArray[np.int64], Plane]:
    """Return which points are painted white, and how well the paint covers the road there."""
    lane = street.road_m - CYCLE_LANE_M
    away = band(np.abs(along - street.zebra_m), ZEBRA_M / 2 + 1.2, 1e6, fine)
    dashes = band(wrapped(along, 6.0), 0.0, 3.0, fine)
    middle = band(across, -0.07, 0.07, fine) * dashes * away
    edge = band(np.abs(across), lane - 0.06, lane + 0.06, fine) * away
    parked = band(np.abs(across), street.road_m, street.road_m + 0.1, fine) * away
    stripes = band(wrapped(across, 1.0), 0.0, 0.5, fine)
    zebra = stripes * band(np.abs(along - street.zebra_m), -1.0, ZEBRA_M / 2, fine)
    stop = band(np.abs(along - street.zebra_m), ZEBRA_M / 2 + 0.7, ZEBRA_M / 2 + 1.05, fine)
    side = np.where(along < street.zebra_m, across > 0, across < 0)
    stop = stop * side * (np.abs(across) < lane)
    paint = np.maximum.reduce([middle, edge, parked * 0.8, zebra, stop])
    there = np.flatnonzero(paint)
    worn = np.clip(1.25 - 0.75 * grain.rough(along[there], across[there], 0.8, 4), 0, 1)
    return there, np.asarray(paint[there] * worn * 0.92, np.float32)


def _pavement(grain: Grain, along: Plane, across: Plane, fine: Plane) -> NDArray[np.float32]:
    row = np.floor(across / _STONE_M).astype(np.int64)
    shifted = along + 0.3 * np.mod(row, 2)
    column = np.floor(shifted / _STONE_M).astype(np.int64)
    near = np.exp(-fine / 0.15)
    tone = 0.52 + 0.09 * (grain.pick(row, column) - 0.5) * near
    tone += 0.12 * (grain.rough(along, across, 2.5) - 0.5)
    tone += 0.10 * np.exp(-fine / 0.04) * (grain.smooth(along, across, 0.06) - 0.5)
    soft = np.maximum(fine, 0.012)
    joints = 1 - band(np.mod(shifted, _STONE_M), 0.012, _STONE_M - 0.012, soft)
    joints = np.maximum(joints, 1 - band(wrapped(across, _STONE_M), 0.012, _STONE_M - 0.012, soft))
    tone *= 1 - 0.35 * joints * near
    spots = np.clip(grain.smooth(along, across, 0.35) - 0.86, 0, 1)
    tone *= 1 - 1.2 * spots
    return np.stack([tone * 1.02, tone, tone * 0.94], -1).astype(np.float32)
