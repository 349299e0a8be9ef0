"""The parts of a figure in a picture: its pixels, its shadow, its lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.street.canvas.brush import Layer, Points
from fleet.street.scene.camera import Camera
from fleet.street.scene.lighting import RGB, Lighting


@dataclass(frozen=True, eq=False)
class Glow:
    """A visible lamp."""

    centre_px: tuple[float, float]
    """The position in the picture, (x, y)."""
    radius_px: float
    """The radius of its glow."""
    colour: tuple[float, float, float]
    """RGB in 0..1."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure in the picture; outlines are f64 [n, 2] in pixels."""

    layer: Layer
    """Its pixels."""
    distance_m: float
    """Its distance along the camera's axis."""
    shadows: tuple[Points, ...] = ()
    """The outlines of its shadow."""
    contact: tuple[Points, ...] = ()
    """The outlines of the ground that it stands on, which is dark even without a sun."""
    glows: tuple[Glow, ...] = ()
    """Its lamps."""
    beams: tuple[Points, ...] = ()
    """The outlines of the ground in its headlights, from the faint wide to the bright near one."""


@dataclass(frozen=True, eq=False)
class Stage:
    """The camera and the light for a figure at one position."""

    camera: Camera
    """The camera."""
    light: Lighting
    """The light of the clip."""
    local: RGB
    """The light that falls on the figure."""
    sun: float
    """How much of the sun the figure sees, 0..1."""

    @property
    def sunny(self) -> bool:
        """Return whether the figure casts a shadow."""
        return self.sun > 0.3

    def tint(self, colours: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the colours f64 [..., 3] of surfaces in this light."""
        return colours * self.local

    def cast(self, points: NDArray[np.float64]) -> Points:
        """Return the shadows of points f64 [..., 3] on the ground, as pixels f64 [..., 2]."""
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
    """Return points of a body (ahead, aside, up), f64 [..., 3], on the street, by its heading.

    For many bodies at once, positions and headings broadcast over the points.
    """
    sin, cos = np.sin(heading_rad), np.cos(heading_rad)
    ahead, aside = local[..., 0], local[..., 1]
    along = along_m + ahead * cos - aside * sin
    there = np.empty((*along.shape, 3))
    there[..., 0] = along
    there[..., 1] = across_m + ahead * sin + aside * cos
    there[..., 2] = local[..., 2]
    return there
