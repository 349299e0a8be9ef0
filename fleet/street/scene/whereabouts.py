"""Who may be in the picture, of all actors of a clip: most are outside it most of the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.street.scene.actors import BUS, CAR, CYCLIST, PERSON, Actor, Pose
from fleet.street.scene.camera import NEAREST_M, Camera

_REACH_M = {PERSON: 1.6, CYCLIST: 1.8, CAR: 2.8, BUS: 6.6}
_MIDDLE_M = 0.8
_ROUGH_PX = 1.0
"""The positions of many actors at once differ from those of one in their last digits."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths of n actors as arrays; those with fewer corners rest at their last one."""

    actors: Sequence[Actor]
    """The actors."""
    first: Numbers
    """[n, 2], where each path begins."""
    steps: Numbers
    """[n, corners - 1, 2], from each corner to the next."""
    lengths: Numbers
    """[n, corners - 1], how long each step is."""
    reach: Numbers
    """[n], the radius in metres of a sphere around each actor."""
    spans: Numbers
    """[2, n], when each actor appears, and when it has disappeared."""
    motion: Numbers
    """[3, n], the number, the speed and the sway of each actor."""

    def near(self, camera: Camera, times_s: Sequence[float]) -> list[list[tuple[Actor, Pose]]]:
        """Return at each time those who may be in the picture: a sphere reaches into it."""
        times = np.array(times_s)[:, None]
        present = (self.spans[0] <= times) & (times < self.spans[1])
        maybe = present & _reach_in(camera, self._rough(times), self.reach, _ROUGH_PX)
        found = [
            (moment, which, pose)
            for moment, which in np.argwhere(maybe).tolist()
            if (pose := self.actors[which].pose(times_s[moment]))
        ]
        middles = np.array([(pose.along_m, pose.across_m, _MIDDLE_M) for _, _, pose in found])
        reach = self.reach[[which for _, which, _ in found]]
        inside = _reach_in(camera, middles.reshape(-1, 3), reach, 0.0)
        near: list[list[tuple[Actor, Pose]]] = [[] for _ in times_s]
        for (moment, which, pose), shown in zip(found, inside.tolist(), strict=True):
            if shown:
                near[moment].append((self.actors[which], pose))
        return near

    def _rough(self, times_s: Numbers) -> Numbers:
        """Return the middles of all actors at times f64 [m, 1]: f64 [m, n, 3], in metres."""
        number, speed, sway = self.motion
        travelled = speed * (times_s - self.spans[0])
        begins = np.cumsum(self.lengths, axis=1) - self.lengths
        shares = (travelled[..., None] - begins) / np.maximum(self.lengths, 1e-9)
        middles = np.empty((*travelled.shape, 3))
        middles[..., :2] = self.first + (np.clip(shares, 0, 1)[..., None] * self.steps).sum(2)
        middles[..., 1] += sway * np.sin(travelled / 2.7 + number)
        middles[..., 2] = _MIDDLE_M
        return middles


def paths_of(actors: Sequence[Actor]) -> Paths:
    """Return the paths of actors."""
    longest = max((len(actor.path) for actor in actors), default=2)
    padded = [np.pad(each.path, ((0, longest - len(each.path)), (0, 0)), "edge") for each in actors]
    corners = np.array(padded).reshape(-1, longest, 2)
    steps = np.diff(corners, axis=1)
    spans = [(actor.start_s, actor.end_s) for actor in actors]
    motion = [(actor.number, actor.speed_mps, actor.sway_m) for actor in actors]
    return Paths(
        actors=actors,
        first=corners[:, 0],
        steps=steps,
        lengths=np.hypot(steps[..., 0], steps[..., 1]),
        reach=np.array([_REACH_M[actor.kind] for actor in actors]),
        spans=np.array(spans).reshape(-1, 2).T,
        motion=np.array(motion).reshape(-1, 3).T,
    )


def _reach_in(
    camera: Camera, middles: Numbers, reach_m: Numbers, spare_px: float
) -> NDArray[np.bool_]:
    """Return whether spheres around points f64 [..., 3] reach into the picture."""
    points, distances = camera.project(middles)
    pad = reach_m * camera.focal_px / np.maximum(distances - reach_m, NEAREST_M) + spare_px
    limits = np.array([camera.size.width, camera.size.height])
    touches = (points + pad[..., None] > 0) & (points - pad[..., None] < limits)
    return np.asarray(touches.all(-1))
