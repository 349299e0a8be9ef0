"""The traffic of a clip: which people and vehicles come, when, how fast and on which path."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet.street.figures.vehicles import mesh_of
from fleet.street.scene.actors import BUS, CAR, CYCLIST, PERSON, Actor, draw_look
from fleet.street.scene.clip import Clip, Density
from fleet.street.scene.world import CYCLE_LANE_M, Street

_ALWAYS_S = -1e4
_WALK_MPS = 1.35
_GROUPS = (0.66, 0.26, 0.08)
"""The shares of people who come alone, in twos and in threes."""
_GROUP = 1.42
_CLEAR_S = 1.2
"""For so long before and after a person crosses, no vehicle may be on the zebra crossing."""


@dataclass(frozen=True)
class Rates:
    """The density of the traffic."""

    vehicles: float
    """Vehicles a second."""
    cyclists: float
    """Cyclists a second."""
    walkers: float
    """Walkers on the pavements at a time."""
    crossing: float
    """People who cross, a second."""
    standing: float
    """People who stand, at a time."""
    parked: float
    """The share of the parking lane that is in use, 0..1."""


_RATES = {
    Density.EMPTY: Rates(0.02, 0.01, 0.4, 0.0, 0.0, 0.1),
    Density.SPARSE: Rates(0.10, 0.05, 4.0, 0.03, 0.8, 0.35),
    Density.NORMAL: Rates(0.22, 0.10, 12.0, 0.08, 2.5, 0.5),
    Density.CROWD: Rates(0.20, 0.12, 42.0, 0.25, 7.0, 0.5),
}
_KINDS = {CAR: (1.5, (6.5, 12.0)), BUS: (3.05, (5.0, 8.5)), CYCLIST: (1.75, (3.2, 6.5))}


@dataclass
class Traffic:
    """The random actors of a clip, one kind after the other, all from one generator."""

    street: Street
    clip: Clip
    rng: np.random.Generator
    actors: list[Actor] = field(default_factory=list)

    def populate(self) -> tuple[Actor, ...]:
        """Return all actors who are on the street at any time of the clip."""
        rates = _RATES[self.clip.density]
        lane = (self.street.road_m - CYCLE_LANE_M) / 2
        edge = self.street.road_m - CYCLE_LANE_M / 2
        for side in (-1, 1):
            self._park(side, rates.parked)
            self._lane(side * lane, side, rates.vehicles / 2, cycles=False)
            self._lane(side * edge, side, rates.cyclists / 2, cycles=True)
        self._walk(rates.walkers)
        self._cross(rates.crossing)
        self._stand(rates.standing)
        return tuple(self.actors)

    def __post_init__(self) -> None:
        self._ends = visible_stretch(self.street)
        self._waves = _waves(self.clip.seconds, self.rng)

    def _arrivals(self, rate: float, before_s: float) -> list[float]:
        """Return random times of arrival, in waves with lulls between them."""
        span = self.clip.seconds + before_s
        times = self.rng.uniform(-before_s, self.clip.seconds, self.rng.poisson(rate * 1.5 * span))
        kept = self.rng.random(len(times)) * 1.5 < np.interp(times, *self._waves)
        return sorted(float(time) for time in times[kept])

    def _add(
        self,
        kind: int,
        height_m: float,
        path: NDArray[np.float64],
        speed_mps: float,
        start_s: float,
        sway_m: float = 0.0,
    ) -> Actor:
        look = draw_look(self.rng, kind)
        number = len(self.actors)
        actor = Actor(number, kind, look, height_m, path, speed_mps, start_s, sway_m)
        self.actors.append(actor)
        return actor

    def _park(self, side: int, share: float) -> None:
        width = self.street.parking_m[side > 0]
        if not width:
            return
        across = side * (self.street.road_m + width / 2)
        for along in np.arange(self._ends[0], self._ends[1], 6.0):
            taken = self.rng.random() < share
            if taken and abs(along - self.street.zebra_m) > 6:
                path = np.array([[along, across], [along + side, across]])
                self._add(CAR, 1.5, path, 0.0, _ALWAYS_S)

    def _lane(self, across: float, side: int, rate: float, *, cycles: bool) -> None:
        """Add vehicles one behind the other; none catches up with the one in front."""
        start, end = (self._ends[0] - 9, self._ends[1] + 9)[::side]
        span, enter, leave = abs(end - start), -np.inf, -np.inf
        for time in self._arrivals(rate, span / 5.0):
            kind = CYCLIST if cycles else int(self.rng.choice([CAR, BUS], p=[0.72, 0.28]))
            height, speeds = _KINDS[kind]
            speed = float(self.rng.uniform(*speeds))
            entering = max(time, enter)
            leaving = max(entering + span / speed, leave)
            strays = 0.12 if cycles else 0.05
            path = np.array([[start, across], [end, across]])
            actor = self._add(kind, height, path, span / (leaving - entering), entering, strays)
            length = 1.9 if cycles else mesh_of(actor).length
            gap = (length + 5.0) / actor.speed_mps + 0.8
            enter, leave = entering + gap, leaving + gap

    def _walk(self, at_a_time: float) -> None:
        stay_s = (self._ends[1] - self._ends[0] + 6) / _WALK_MPS
        for time in self._arrivals(at_a_time / stay_s / _GROUP, stay_s * 1.3):
            side, way = (int(self.rng.choice([-1, 1])) for _ in range(2))
            speed = float(np.clip(self.rng.normal(_WALK_MPS, 0.22), 0.8, 2.2))
            path = self._pavement_path(side, way)
            for number in range(int(self.rng.choice([1, 2, 3], p=_GROUPS))):
                beside = path + np.array([0.15, -side * 0.62]) * number
                self._add(PERSON, self._tall(), beside, speed, time, 0.06)

    def _pavement(self, side: int) -> tuple[float, float]:
        """Return where people walk on a side: from the kerb's lamps to the house fronts."""
        kerb, wall = self.street.kerb_m(side), self.street.wall_m(side)
        return kerb + side * 1.0, wall - side * 0.6

    def _pavement_path(self, side: int, way: int) -> NDArray[np.float64]:
        low, high = self._pavement(side)
        along = np.linspace(self._ends[0] - 3, self._ends[1] + 3, 5)[::way]
        share = self.rng.random() + self.rng.uniform(-0.4, 0.4, 5)
        across = low + (high - low) * share
        across = np.clip(across, min(low, high), max(low, high))
        return np.stack([along, across], 1)

    def _tall(self) -> float:
        grown = self.rng.random() > 0.08
        return float(self.rng.normal(1.72, 0.09) if grown else self.rng.uniform(1.05, 1.45))

    def _cross(self, rate: float) -> None:
        for time in self._arrivals(rate, 30.0):
            side = int(self.rng.choice([-1, 1]))
            speed = float(self.rng.uniform(1.0, 1.6))
            path = self._crossing_path(side)
            to_kerb = float(np.hypot(*np.diff(path[:2], axis=0)[0])) / speed
            over = float(np.hypot(*np.diff(path[1:3], axis=0)[0])) / speed
            for delay in range(0, 16, 2):
                begin = time + delay
                if self._road_clear(begin + to_kerb, begin + to_kerb + over):
                    self._add(PERSON, self._tall(), path, speed, begin, 0.03)
                    break

    def _crossing_path(self, side: int) -> NDArray[np.float64]:
        zebra = self.street.zebra_m + self.rng.uniform(-1.2, 1.2)
        (near_kerb, near_wall), (far_kerb, far_wall) = self._pavement(side), self._pavement(-side)
        come, go = self.rng.choice([-1, 1], 2)
        return np.array(
            [
                [zebra + come * 22, near_kerb + self.rng.random() * (near_wall - near_kerb) / 2],
                [zebra, near_kerb],
                [zebra, far_kerb],
                [zebra + go * 22, far_kerb + self.rng.random() * (far_wall - far_kerb) / 2],
            ]
        )

    def _road_clear(self, begin_s: float, end_s: float) -> bool:
        for actor in self.actors:
            if actor.kind == PERSON or not actor.speed_mps:
                continue
            reach = 8.0 if actor.kind == BUS else 4.5
            way = abs(self.street.zebra_m - actor.path[0, 0])
            come = actor.start_s + (way - reach) / actor.speed_mps - _CLEAR_S
            gone = actor.start_s + (way + reach) / actor.speed_mps + _CLEAR_S
            if come < end_s and gone > begin_s:
                return False
        return True

    def _stand(self, count: float) -> None:
        for _ in range(self.rng.poisson(count)):
            side = int(self.rng.choice([-1, 1]))
            low, high = self._pavement(side)
            along = self.rng.uniform(*self._ends)
            # They stand at the kerb or at the houses, out of the way of the others.
            across = low + (high - low) * (0.85 * self.rng.integers(2) + 0.15 * self.rng.random())
            turned = self.rng.uniform(0, 2 * np.pi)
            facing = (along + np.cos(turned), across + np.sin(turned))
            path = np.array([[along, across], facing])
            self._add(PERSON, self._tall(), path, 0.0, _ALWAYS_S)


def _waves(
    seconds: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the density of arrivals relative to the average: times, and factors at these times."""
    times, busy = [-120.0], bool(rng.random() < 0.6)
    factors = [1.4 if busy else 0.1]
    while times[-1] < seconds:
        busy = not busy
        times.append(times[-1] + rng.uniform(8, 20))
        factors.append(float(rng.uniform(1.1, 1.5) if busy else rng.uniform(0.02, 0.5)))
    return np.array(times), np.array(factors)


def visible_stretch(street: Street) -> tuple[float, float]:
    """Return from where to where along the street the ground is visible, up to 80 m away."""
    camera = street.camera
    along, across = np.meshgrid(
        np.arange(-60.0, 81.0, 1.0), np.linspace(street.wall_m(-1), street.wall_m(1), 9)
    )
    points = np.stack([along.ravel(), across.ravel(), np.full(along.size, 0.8)], 1)
    pixels, _ = camera.project(points)
    ahead = (points - camera.position) @ camera.axes[2] > 2
    inside = (pixels >= 0).all(1) & (pixels[:, 0] < camera.size.width)
    seen = points[inside & ahead & (pixels[:, 1] < camera.size.height), 0]
    return float(seen.min()), float(seen.max())
