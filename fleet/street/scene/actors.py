"""Who is on the street: what they look like, and where they are at any time."""

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
    """What somebody wears, or how a vehicle is painted and shaped.

    `build`: 0 slight to 1 stout. `style`: which of the shapes of its class, counted from 0.
    """

    skin: Colour
    hair: Colour
    coat: Colour
    legs: Colour
    shoes: Colour
    paint: Colour
    build: float
    style: int
    bag: bool
    long_coat: bool


def draw_look(rng: np.random.Generator, kind: int) -> Look:
    """Choose a look: mostly dark cloth, as on a street."""

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
    """Where somebody is: place and heading on the street, way gone so far, and speed."""

    along_m: float
    across_m: float
    heading_rad: float
    way_m: float
    speed_mps: float


@dataclass(frozen=True, eq=False)
class Actor:
    """Somebody on a path: there from `start_s` until the path's end, or for good where it stands.

    `kind`: the class_id. `path`: corners (along, across) f64 [n, 2] in metres; one that stands has
    a speed of 0 and faces from the first corner to the second. `sway_m`: how far it strays.
    """

    number: int
    kind: int
    look: Look
    height_m: float
    path: NDArray[np.float64]
    speed_mps: float
    start_s: float
    sway_m: float = 0.0

    def __post_init__(self) -> None:
        if len(self.path) < 2 or self.speed_mps < 0 or self.height_m <= 0:
            raise ValueError(f"an actor needs a path, a speed and a height: {self}")

    @cached_property
    def _corners(self) -> list[float]:
        """How far along the path its corners lie."""
        steps = np.hypot(*np.diff(self.path, axis=0).T)
        return [0.0, *np.cumsum(steps).tolist()]

    @cached_property
    def _places(self) -> list[tuple[float, float]]:
        return [(along, across) for along, across in self.path.tolist()]

    @property
    def end_s(self) -> float:
        """When it has gone: the end of its path."""
        if not self.speed_mps:
            return float("inf")
        return self.start_s + self._corners[-1] / self.speed_mps

    def pose(self, time_s: float) -> Pose | None:
        """Tell where it is at a time; None before it comes and after it has gone."""
        if not self.start_s <= time_s < self.end_s:
            return None
        way = self.speed_mps * (time_s - self.start_s)
        here, behind, ahead = (self._place(way + step) for step in (0.0, -0.5, 0.5))
        if not self.speed_mps:
            behind, ahead = self._places[0], self._places[1]
        heading = atan2(ahead[1] - behind[1], ahead[0] - behind[0])
        return Pose(here[0], here[1], heading, way, self.speed_mps)

    def _place(self, way_m: float) -> tuple[float, float]:
        way = min(max(way_m, 0.0), self._corners[-1])
        after = min(max(bisect_right(self._corners, way), 1), len(self._corners) - 1)
        begin, end = self._corners[after - 1], self._corners[after]
        share = (way - begin) / (end - begin) if end > begin else 0.0
        here, there = self._places[after - 1], self._places[after]
        along, across = (a + share * (b - a) for a, b in zip(here, there, strict=True))
        return along, across + self.sway_m * sin(way_m / 2.7 + self.number)
