"""The light at each position: sun and the shadow of houses, the sky, street lamps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.texture import Plane
from fleet.street.scene.lighting import RGB, Lighting
from fleet.street.scene.world import LAMP_HEIGHT_M, REACH_M, Row, Street

_LAMP_COLOUR = (1.0, 0.74, 0.42)
_LAMP_REACH_M = 34.0
_STEP_M, _WIDE_M = 0.5, 24.0
_ON_GROUND = np.float32(0)


@dataclass(frozen=True, eq=False)
class Shade:
    """The light on a street."""

    street: Street
    light: Lighting

    def ground(self, along: Plane, across: Plane) -> NDArray[np.float32]:
        """Return the light on points of the ground: f32 [n, 3]."""
        sun = self.sunlit(along, across) * np.float32(self.light.to_sun[2] + 0.15)
        return self._sum(sun, self._lamps(along, across, np.float32(0)))

    def wall(self, row: Row, along: Plane, up: Plane) -> NDArray[np.float32]:
        """Return the light on points of the fronts of a row: f32 [n, 3]."""
        side = np.sign(row.across_m)
        facing = max(0.0, float(-self.light.to_sun[1] * side))
        across = np.full_like(along, row.across_m - 0.1 * side)
        sun = np.zeros_like(along)
        if facing:
            sun = self.sunlit(along, across, up) * np.float32(facing)
        return self._sum(sun, self._lamps(along, across, up) * np.float32(0.8))

    def at(self, along_m: float, across_m: float) -> tuple[RGB, float]:
        """Return the light on a figure at a position, f64 [3], and the share of the sun, 0..1."""
        light, sun = self._table
        row = min(max(int((along_m + REACH_M) / _STEP_M), 0), light.shape[0] - 1)
        column = min(max(int((across_m + _WIDE_M) / _STEP_M), 0), light.shape[1] - 1)
        return light[row, column], float(sun[row, column])

    @cached_property
    def _table(self) -> tuple[NDArray[np.float64], Plane]:
        along = np.arange(-REACH_M, REACH_M, _STEP_M).astype(np.float32)
        across = np.arange(-_WIDE_M, _WIDE_M, _STEP_M).astype(np.float32)
        places = np.meshgrid(along, across, indexing="ij")
        flat = (places[0].ravel(), places[1].ravel())
        sun, lamps = self.sunlit(*flat, np.float32(1)), self._lamps(*flat, np.float32(1))
        light = self._sum(sun * np.float32(0.75), lamps).astype(np.float64)
        return light.reshape(*places[0].shape, 3), sun.reshape(places[0].shape)

    def sunlit(self, along: Plane, across: Plane, up: Plane | np.float32 = _ON_GROUND) -> Plane:
        """Return 1 where the sun is visible, 0 in the shadow of a house, with soft edges."""
        to_sun = self.light.to_sun
        if not self.light.sun.any():
            return np.zeros_like(along)
        row = self.street.right if to_sun[1] > 0 else self.street.left
        steps = (row.across_m - across) / np.float32(_nonzero(to_sun[1]))
        reached = up + steps * np.float32(to_sun[2])
        height = row.height[row.house(along + steps * np.float32(to_sun[0]))]
        return np.asarray(np.clip((reached - height) / 0.25 + 0.5, 0, 1), np.float32)

    def _sum(self, sun: Plane, lamps: Plane) -> NDArray[np.float32]:
        parts = np.stack([self.light.sun, self.light.ambient, _LAMP_COLOUR]).astype(np.float32).T
        return np.stack([sun * high + low + lamps * warm for high, low, warm in parts], -1)

    def _lamps(self, along: Plane, across: Plane, up: Plane | np.float32) -> Plane:
        total = np.zeros_like(along)
        if not self.light.lamps:
            return total
        low = float(along.min(initial=np.inf)) - _LAMP_REACH_M
        high = float(along.max(initial=-np.inf)) + _LAMP_REACH_M
        for at_along, at_across in self.street.lamps:
            if low < at_along < high:
                # The lamp's arm reaches over the road.
                aside = across - np.float32(at_across - 1.4 * np.sign(at_across))
                flat = (along - np.float32(at_along)) ** 2 + aside**2
                total += 1 / (1 + flat / 22 + 0.04 * (np.float32(LAMP_HEIGHT_M) - up) ** 2) ** 1.5
        return total * np.float32(3.3 * self.light.lamps)


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-3 else 1e-3
