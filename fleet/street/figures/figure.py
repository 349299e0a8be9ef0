"""What a figure leaves in a picture: itself, its shadow, its lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.brush import Layer, Points
from fleet.street.scene.camera import Camera
from fleet.street.scene.lighting import RGB, Lighting


@dataclass(frozen=True, eq=False)
class Glow:
    """A lamp that is seen: where in the picture, how wide its glow is, its colour."""

    centre_px: tuple[float, float]
    radius_px: float
    colour: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure in the picture.

    `distance_m`: along the camera's axis. `shadows`: the outlines that its shadow is made of, each
    f64 [n, 2]. `contact`: where it stands, darkened even without a sun. `beams`: outlines of the
    ground that its headlights light up, from the faint wide one to the bright near one.
    """

    layer: Layer
    distance_m: float
    shadows: tuple[Points, ...] = ()
    contact: tuple[Points, ...] = ()
    glows: tuple[Glow, ...] = ()
    beams: tuple[Points, ...] = ()


@dataclass(frozen=True, eq=False)
class Stage:
    """What drawing needs to know of a place: the camera, the light, and the light just there.

    `local`: light that falls on the figure, f64 [3]. `sun`: how much of the sun it sees, 0..1.
    """

    camera: Camera
    light: Lighting
    local: RGB
    sun: float

    @property
    def sunny(self) -> bool:
        """Whether what stands here throws a shadow."""
        return self.sun > 0.3

    def tint(self, colours: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the colours f64 [..., 3] that surfaces have in this light."""
        return colours * self.local

    def cast(self, points: NDArray[np.float64]) -> Points:
        """Throw points f64 [..., 3] along the rays of the sun: to pixels f64 [..., 2]."""
        to_sun = self.light.to_sun
        fallen = points - points[..., 2:] / max(float(to_sun[2]), 0.2) * to_sun
        fallen[..., 2] = 0
        return self.camera.project(fallen)[0]


def placed(
    local: NDArray[np.float64],
    along_m: NDArray[np.float64] | float,
    across_m: NDArray[np.float64] | float,
    heading_rad: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Put a body's points (ahead, aside, up) f64 [..., 3] on the street, turned to its heading.

    Many bodies at once: their places and headings broadcast over the points.
    """
    sin, cos = np.sin(heading_rad), np.cos(heading_rad)
    ahead, aside = local[..., 0], local[..., 1]
    along = along_m + ahead * cos - aside * sin
    there = np.empty((*along.shape, 3))
    there[..., 0] = along
    there[..., 1] = across_m + ahead * sin + aside * cos
    there[..., 2] = local[..., 2]
    return there
