"""The still background: ground, houses and sky, by the ray of each point of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.texture import Grain, Plane, mix
from fleet.street.painting.facade import paint_front
from fleet.street.painting.ground import paint_ground
from fleet.street.painting.shade import Shade
from fleet.street.scene.lighting import Lighting
from fleet.street.scene.world import REACH_M, Row, Street

_ROWS = 60
"""Rows of the picture that are painted at a time, so that they fit into the processor's cache."""
_FARTHEST_M = np.float32(1e5)
_FINE_BELOW = 900
"""Pictures narrower than this are painted at twice their size and shrunk."""
_SECOND_ROW_M, _SECOND_ROW_TALLER = 14.0, np.float32(1.3)

Points = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The background of a street."""

    street: Street
    grain: Grain
    light: Lighting
    shade: Shade
    wet: float
    """How much the ground reflects, 0..1."""

    def paint(self) -> Points:
        """Return the picture, f32 [height, width, 3] in 0..1."""
        size = self.street.camera.size
        fine = 2 if size.width < _FINE_BELOW else 1
        starts = range(0, size.height, _ROWS)
        strips = [self._strip(top, min(top + _ROWS, size.height), fine) for top in starts]
        return np.concatenate(strips)

    def _strip(self, top: int, bottom: int, fine: int) -> Points:
        # The mirror image is blurred over some rows, which are needed on both sides.
        camera, margin = self.street.camera, 12 if self.wet else 0
        rays = camera.rays(top - margin, bottom + margin, fine)
        flat = rays.reshape(-1, 3)
        to_ground = _reach(-camera.height_m, flat[:, 2])
        picture, to_wall = self._upright(flat, to_ground, fine)
        seen, below = np.flatnonzero(to_ground < to_wall), picture
        if self.wet:
            mirrored = cv2.blur(picture.reshape(rays.shape), (5, 2 * margin + 1))
            below = np.asarray(mirrored, np.float32).reshape(-1, 3)
        picture[seen] = self._ground(flat.take(seen, 0), to_ground[seen], below.take(seen, 0), fine)
        self._veil(picture, np.minimum(to_ground, to_wall))
        whole = picture.reshape(rays.shape)[margin * fine : (bottom - top + margin) * fine]
        shrunk = cv2.resize(whole, (camera.size.width, bottom - top), interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, np.float32)

    def _ground(self, rays: Points, distance: Plane, mirrored: Points, fine: int) -> Points:
        camera = self.street.camera
        along = np.float32(camera.along_m) + rays[:, 0] * distance
        across = np.float32(camera.across_m) + rays[:, 1] * distance
        covered = distance * np.float32(1 / (camera.focal_px * fine))
        ground = paint_ground(self.street, self.grain, along, across, covered)
        ground *= self.shade.ground(along, across)
        if not self.wet:
            return ground
        puddles = np.clip(2.2 * self.grain.rough(along, across, 3.0) - 0.75, 0.12, 1)
        return mix(ground * np.float32(1 - 0.35 * self.wet), mirrored, puddles * 0.42 * self.wet)

    def _veil(self, picture: Points, distance: Plane) -> None:
        """Blend distant points with the haze."""
        lost = 1 - np.exp2(-np.minimum(distance, 400) / np.float32(self.light.haze_m))
        lost *= distance < _FARTHEST_M
        for channel, haze in enumerate(self.light.sky_low.astype(np.float32)):
            picture[:, channel] += (haze - picture[:, channel]) * lost

    def _upright(self, rays: Points, to_ground: Plane, fine: int) -> tuple[Points, Plane]:
        """Return houses and sky, mirrored below the horizon on wet ground, and the distances."""
        camera = self.street.camera
        nearest = np.full(len(rays), _FARTHEST_M, np.float32)
        chosen = np.full(len(rays), -1, np.int8)
        rows = self._rows()
        for number, (row, beyond) in enumerate(rows):
            reached = _reach(row.across_m + beyond - camera.across_m, rays[:, 1])
            # Dry ground shows nothing of what it hides.
            before = reached < nearest if self.wet else (reached < nearest) & (reached <= to_ground)
            ahead = np.flatnonzero(before)
            along, up = self._on_front(rays.take(ahead, 0), reached[ahead], beyond)
            visible = (up < row.height[row.house(along)]) & (np.abs(along) < REACH_M * 2)
            shown = ahead[visible]
            nearest[shown], chosen[shown] = reached[shown], number
        hidden = (to_ground < nearest) & (not self.wet)
        picture = np.zeros((len(rays), 3), np.float32)
        open_sky = np.flatnonzero((chosen < 0) & ~hidden)
        picture[open_sky] = self._sky(rays.take(open_sky, 0))
        for number, (row, beyond) in enumerate(rows):
            found = np.flatnonzero((chosen == number) & ~hidden)
            if len(found):
                per_metre = np.float32(1 / (camera.focal_px * fine))
                along, up = self._on_front(rays.take(found, 0), nearest[found], beyond)
                picture[found] = self._front(row, along, up, nearest[found] * per_metre)
        return picture, nearest

    def _sky(self, rays: Points) -> Points:
        rise = np.abs(rays[:, 2])
        low, top = self.light.sky_low.astype(np.float32), self.light.sky_top.astype(np.float32)
        sky = mix(low, top, np.clip(rise * 1.6, 0, 1))
        high = np.float32(1) / np.maximum(rise, np.float32(0.02))
        ahead = (rays[:, :2] * high[:, None]).astype(np.float32)
        cloud = self.grain.rough(ahead[:, 0], ahead[:, 1], 2.5, 4)
        cover = np.clip(cloud * 2.4 - 1.1, 0, 1) * np.clip(rise * 6, 0, 1) * np.float32(0.55)
        return mix(sky, low + (top - low) * np.float32(0.25), cover)

    def _rows(self) -> list[tuple[Row, float]]:
        """Return the rows of houses, and how far each stands behind the fronts."""
        left, right = self.street.left, self.street.right
        return [(left, 0.0), (right, 0.0), (left, -_SECOND_ROW_M), (right, _SECOND_ROW_M)]

    def _on_front(self, rays: Points, reached: Plane, beyond: float) -> tuple[Plane, Plane]:
        """Return where rays meet a row of houses: metres along it, and metres up (or mirrored)."""
        camera = self.street.camera
        # The second row is the same one, shifted along the street and taller.
        shifted = np.float32(camera.along_m + beyond * 2.3)
        up = np.abs(np.float32(camera.height_m) + rays[:, 2] * reached)
        return shifted + rays[:, 0] * reached, up / _SECOND_ROW_TALLER if beyond else up

    def _front(self, row: Row, along: Plane, up: Plane, covered: Plane) -> Points:
        front, light = paint_front(row, self.grain, along, up, covered, self.light.windows)
        shine = np.float32(1.0 if self.light.lamps else 0.35)
        front *= self.shade.wall(row, along, up)
        front += light * shine
        return front


def _reach(gap_m: float, part: Plane) -> Plane:
    """Return the length of a ray that crosses a gap, of which it crosses `part` in each metre."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.float32(gap_m) / part
    return np.where(steps > 0, np.minimum(steps, _FARTHEST_M), _FARTHEST_M).astype(np.float32)
