"""The people and vehicles on the street: their looks, and their positions at any time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from math import atan2, sin

import numpy as np
from numpy.typing import NDArray

from fleet.street.scene.clip import LABELS

PERSON, CYCLIST, CAR, BUS = range(len(LABELS))
Colour = tuple[float, float, float]

_SKINS: tuple[Colour, ...] = (
    (0.90, 0.72, 0.60),
    (0.78, 0.58, 0.45),
    (0.55, 0.38, 0.28),
    (0.34, 0.23, 0.18),
)
_HAIR: tuple[Colour, ...] = (
    (0.10, 0.08, 0.07),
    (0.24, 0.16, 0.10),
    (0.55, 0.42, 0.25),
    (0.55, 0.54, 0.52),
)
_CLOTH: tuple[Colour, ...] = (
    (0.10, 0.10, 0.12), (0.16, 0.18, 0.26), (0.30, 0.30, 0.32), (0.50, 0.12, 0.12),
    (0.14, 0.28, 0.48), (0.62, 0.58, 0.50), (0.22, 0.34, 0.22), (0.82, 0.80, 0.76),
    (0.74, 0.58, 0.14), (0.42, 0.26, 0.36), (0.30, 0.22, 0.16), (0.72, 0.36, 0.18),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = (
    (0.12, 0.15, 0.24), (0.09, 0.09, 0.10), (0.26, 0.26, 0.28),
    (0.44, 0.38, 0.28), (0.20, 0.26, 0.36),
)  # fmt: skip
_PAINT: tuple[Colour, ...] = (
    (0.70, 0.71, 0.72), (0.14, 0.14, 0.15), (0.30, 0.31, 0.33),
    (0.62, 0.63, 0.65), (0.09, 0.10, 0.13),
    (0.80, 0.81, 0.82), (0.12, 0.12, 0.13), (0.36, 0.38, 0.40),
    (0.56, 0.58, 0.60), (0.10, 0.18, 0.36),
    (0.44, 0.10, 0.09), (0.14, 0.30, 0.22), (0.62, 0.55, 0.42),
    (0.25, 0.42, 0.58), (0.62, 0.52, 0.20),
)  # fmt: skip
_LIVERY: tuple[Colour, ...] = (
    (0.74, 0.12, 0.10), (0.88, 0.78, 0.20), (0.20, 0.42, 0.66),
    (0.30, 0.55, 0.30), (0.86, 0.86, 0.84),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """The clothes of a person, or the paint and shape of a vehicle."""

    skin: Colour
    hair: Colour
    coat: Colour
    legs: Colour
    shoes: Colour
    paint: Colour
    """The colour of a vehicle."""
    build: float
    """From 0 for slight to 1 for stout."""
    style: int
    """The number of the shape within its class, from 0."""
    bag: bool
    long_coat: bool


def draw_look(rng: np.random.Generator, kind: int) -> Look:
    """Return a random look, mostly of dark cloth, as on a street."""

    def one_of(colours: tuple[Colour, ...]) -> Colour:
        red, green, blue = colours[rng.integers(len(colours))]
        tone = rng.uniform(0.85, 1.15)
        return (red * tone, green * tone, blue * tone)

    return Look(
        skin=one_of(_SKINS),
        hair=one_of(_HAIR),
        coat=one_of(_CLOTH),
        legs=one_of(_TROUSERS),
        shoes=one_of(((0.08, 0.07, 0.07), (0.7, 0.7, 0.7), (0.3, 0.2, 0.13))),
        paint=one_of(_LIVERY if kind == BUS else _PAINT),
        build=float(rng.random()),
        style=int(rng.integers(3)),
        bag=bool(rng.random() < 0.3),
        long_coat=bool(rng.random() < 0.3),
    )


@dataclass(frozen=True)
class Pose:
    """The position of an actor at one moment."""

    along_m: float
    """Along the street."""
    across_m: float
    """To the right of that direction, from the middle of the road."""
    heading_rad: float
    """From along towards across."""
    travelled_m: float
    """The distance on the path so far."""
    speed_mps: float
    """The speed."""


@dataclass(frozen=True, eq=False)
class Actor:
    """A person or vehicle on a path."""

    number: int
    """The number within the clip."""
    kind: int
    """The class_id."""
    look: Look
    """The clothes or the paint."""
    height_m: float
    """The height."""
    path: NDArray[np.float64]
    """Corners (along, across), [n, 2] in metres. An actor that stands faces from the first corner
    to the second."""
    speed_mps: float
    """The speed; 0 for an actor that stands for the whole clip."""
    start_s: float
    """The time at which it appears at the first corner."""
    sway_m: float = 0.0
    """How far it strays from its path to either side."""

    def __post_init__(self) -> None:
        if len(self.path) < 2 or self.speed_mps < 0 or self.height_m <= 0:
            raise ValueError(f"an actor needs a path, a speed and a height: {self}")

    @cached_property
    def _corners(self) -> list[float]:
        """The distances of the corners along the path, in metres."""
        steps = np.hypot(*np.diff(self.path, axis=0).T)
        return [0.0, *np.cumsum(steps).tolist()]

    @cached_property
    def _points(self) -> list[tuple[float, float]]:
        return [(along, across) for along, across in self.path.tolist()]

    @property
    def end_s(self) -> float:
        """The time at which it reaches the end of its path and disappears."""
        if not self.speed_mps:
            return float("inf")
        return self.start_s + self._corners[-1] / self.speed_mps

    def pose(self, time_s: float) -> Pose | None:
        """Return its position at a time; None before it appears and after it has disappeared."""
        if not self.start_s <= time_s < self.end_s:
            return None
        travelled = self.speed_mps * (time_s - self.start_s)
        point = self._point_at(travelled)
        if self.speed_mps:
            behind, ahead = self._point_at(travelled - 0.5), self._point_at(travelled + 0.5)
        else:
            behind, ahead = self._points[0], self._points[1]
        heading = atan2(ahead[1] - behind[1], ahead[0] - behind[0])
        return Pose(point[0], point[1], heading, travelled, self.speed_mps)

    def _point_at(self, travelled_m: float) -> tuple[float, float]:
        corners, points = self._corners, self._points
        travelled = min(max(travelled_m, 0.0), corners[-1])
        after = min(max(bisect_right(corners, travelled), 1), len(corners) - 1)
        begin, end = corners[after - 1], corners[after]
        share = (travelled - begin) / (end - begin) if end > begin else 0.0
        (along, across), (to_along, to_across) = points[after - 1], points[after]
        sway = self.sway_m * sin(travelled_m / 2.7 + self.number)
        return along + share * (to_along - along), across + share * (to_across - across) + sway
