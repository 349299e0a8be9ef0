"""A street: its width, the objects along it, and the position of its camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.street.scene.camera import Camera

REACH_M = 130.0
"""The length of the street in both directions from the camera."""
KERB_M = 0.18
CYCLE_LANE_M = 1.6
LAMP_HEIGHT_M = 6.5
_WALLS = (
    (0.74, 0.66, 0.54), (0.62, 0.36, 0.28), (0.80, 0.77, 0.70), (0.52, 0.30, 0.25),
    (0.66, 0.68, 0.70), (0.78, 0.62, 0.45), (0.56, 0.52, 0.47), (0.70, 0.56, 0.50),
    (0.58, 0.64, 0.62), (0.86, 0.80, 0.66),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Row:
    """The n houses of one side."""

    across_m: float
    """The position of the fronts."""
    edges: NDArray[np.float32]
    """[n + 1], where each house begins, and where the last one ends, in metres along."""
    height: NDArray[np.float32]
    """[n], in metres; 0 for a gap between houses."""
    storey: NDArray[np.float32]
    """[n], the height of a storey in metres."""
    bay: NDArray[np.float32]
    """[n], the distance between windows in metres."""
    window: NDArray[np.float32]
    """[n, 2], the share of a bay and of a storey that is glass."""
    wall: NDArray[np.float32]
    """[n, 3], RGB."""
    sign: NDArray[np.float32]
    """[n, 3], RGB."""
    brick: NDArray[np.bool_]
    """[n], whether the wall is of bricks."""
    shop: NDArray[np.bool_]
    """[n], whether the ground floor is a shop."""

    def house(self, along_m: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the number of the house at each position."""
        found = np.searchsorted(self.edges, along_m, side="right") - 1
        return np.asarray(np.clip(found, 0, len(self.height) - 1), np.int64)


@dataclass(frozen=True, eq=False)
class Street:
    """A straight street with a camera; across is 0 in the middle of the road."""

    camera: Camera
    """The camera."""
    road_m: float
    """Half the width of the road, without the parking lanes."""
    parking_m: tuple[float, float]
    """The width of the parking lane at the left and at the right, 0 for none."""
    left: Row
    """The houses at the left."""
    right: Row
    """The houses at the right."""
    trees: NDArray[np.float64]
    """[n, 2], positions (along, across)."""
    lamps: NDArray[np.float64]
    """[n, 2], positions (along, across)."""
    zebra_m: float
    """The position of the zebra crossing, along."""

    def kerb_m(self, side: int) -> float:
        """Return where the pavement of a side (-1 left, 1 right) begins, across."""
        return side * (self.road_m + self.parking_m[side > 0])

    def wall_m(self, side: int) -> float:
        """Return where the houses of a side (-1 left, 1 right) stand, across."""
        return self.right.across_m if side > 0 else self.left.across_m


def plan_street(size: Size, rng: np.random.Generator) -> Street:
    """Return a random street with its camera.

    One in three cameras looks across the street, the others along it or diagonally.
    """
    look = str(rng.choice(["along", "slant", "across"]))
    road = rng.uniform(4.6, 6.0)
    parking = (0.0 if look == "across" else 2.1 * rng.integers(2), 2.1 * rng.integers(2))
    near = rng.uniform(7.0, 10.0) if look == "across" else rng.uniform(3.2, 5.0)
    left_wall = -(road + parking[0] + near)
    right_wall = road + parking[1] + rng.uniform(3.2, 5.0)
    camera = _hang(size, look, left_wall, road, rng)
    zebra = camera.along_m + _ahead(camera)
    return Street(
        camera=camera,
        road_m=road,
        parking_m=(float(parking[0]), float(parking[1])),
        left=_row(left_wall, rng),
        right=_row(right_wall, rng),
        trees=_positions(right_wall - 1.0, left_wall, road, parking, zebra, rng, trees=True),
        lamps=_positions(right_wall - 1.0, left_wall, road, parking, zebra, rng, trees=False),
        zebra_m=zebra,
    )


def _hang(size: Size, look: str, wall: float, road: float, rng: np.random.Generator) -> Camera:
    heading = {"along": (6, 16), "slant": (24, 42), "across": (72, 100)}[look]
    pitch = {"along": (8, 13), "slant": (10, 15), "across": (13, 18)}[look]
    view = np.radians(rng.uniform(56, 68))
    return Camera(
        size=size,
        focal_px=float(size.width / 2 / np.tan(view / 2)),
        along_m=0.0,
        across_m=wall + 0.8 if look != "along" else -road * rng.uniform(0.3, 1.1),
        height_m=rng.uniform(4.2, 6.8),
        heading_rad=float(np.radians(rng.uniform(*heading))),
        pitch_rad=float(np.radians(rng.uniform(*pitch))),
    )


def _ahead(camera: Camera) -> float:
    """Return how far along the street the middle of the lower picture lies, in metres."""
    reach = camera.height_m / np.tan(camera.pitch_rad + 0.12)
    return float(np.clip(reach * np.cos(camera.heading_rad), 4.0, 24.0))


def _row(across_m: float, rng: np.random.Generator) -> Row:
    widths = rng.uniform(7, 16, 40)
    edges = -REACH_M + np.concatenate(([0.0], np.cumsum(widths)))
    count = len(widths)
    storey = rng.uniform(2.9, 3.6, count)
    floors = rng.integers(2, 6, count)
    wall = np.array(_WALLS)[rng.integers(len(_WALLS), size=count)]
    return Row(
        across_m=float(across_m),
        edges=edges.astype(np.float32),
        height=np.where(rng.random(count) < 0.08, 0.0, 4.8 + floors * storey).astype(np.float32),
        storey=storey.astype(np.float32),
        bay=(widths / np.maximum(2, np.round(widths / rng.uniform(2.4, 3.6, count)))).astype(
            np.float32
        ),
        window=rng.uniform((0.34, 0.5), (0.6, 0.66), (count, 2)).astype(np.float32),
        wall=(wall * rng.uniform(0.8, 1.1, (count, 1))).astype(np.float32),
        sign=rng.uniform(0.08, 0.75, (count, 3)).astype(np.float32),
        brick=rng.random(count) < 0.5,
        shop=rng.random(count) < 0.6,
    )


def _positions(
    right_wall: float,
    left_wall: float,
    road: float,
    parking: tuple[float, float],
    zebra: float,
    rng: np.random.Generator,
    *,
    trees: bool,
) -> NDArray[np.float64]:
    """Return positions of posts or trees along both kerbs, away from the zebra crossing."""
    step = rng.uniform(9, 15) if trees else 22.0
    along = np.arange(-20.0, REACH_M - 20, step) + rng.uniform(0, step)
    if trees:
        along = along[rng.random(len(along)) < rng.choice([0.25, 0.7])]
    sides = []
    for side, wall in ((-1, left_wall), (1, right_wall)):
        kerb = side * (road + parking[side > 0])
        across = kerb + side * (0.9 if trees else 0.55)
        if trees and abs(wall - kerb) < 3:
            continue
        shifted = along + (0 if side > 0 else step / 2)
        sides.append(np.stack([shifted, np.full(len(along), across)], 1))
    positions = np.concatenate(sides) if sides else np.zeros((0, 2))
    return positions[np.abs(positions[:, 0] - zebra) > 4.0]
