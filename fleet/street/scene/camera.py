"""A fixed camera over a street, which maps points in metres to pixels, and pixels to rays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size

NEAREST_M = 0.6
"""Points that are closer to the plane of the camera are drawn as if they had this distance."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Points are (along, across, up) in metres: along the street, to the right of that direction, and
    above the ground.
    """

    size: Size
    """The picture in pixels; its centre is the principal point."""
    focal_px: float
    """The focal length."""
    along_m: float
    across_m: float
    height_m: float
    """The position above the ground."""
    heading_rad: float
    """The direction, from along towards across."""
    pitch_rad: float
    """The direction below the horizontal."""

    def __post_init__(self) -> None:
        if self.focal_px <= 0 or self.height_m <= 0:
            raise ValueError(f"a camera stands above the ground and has a focal length: {self}")

    @cached_property
    def position(self) -> NDArray[np.float64]:
        """The position, f64 [3] in metres."""
        return np.array([self.along_m, self.across_m, self.height_m])

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """The unit vectors right, down and forward, f64 [3, 3], one a row."""
        sin_h, cos_h = np.sin(self.heading_rad), np.cos(self.heading_rad)
        sin_p, cos_p = np.sin(self.pitch_rad), np.cos(self.pitch_rad)
        right = (-sin_h, cos_h, 0.0)
        down = (-sin_p * cos_h, -sin_p * sin_h, -cos_p)
        forward = (cos_h * cos_p, sin_h * cos_p, -sin_p)
        return np.array([right, down, forward])

    def project(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map points f64 [..., 3] to pixels f64 [..., 2] and their distance f64 [...] in metres.

        The distance is along the camera's axis and never less than NEAREST_M.
        """
        # Of many small matrices, NumPy would multiply each by itself.
        flat = (points - self.position).reshape(-1, 3)
        seen = (flat @ self.axes.T).reshape(points.shape)
        distance = np.maximum(seen[..., 2], NEAREST_M)
        centre = (self.size.width / 2, self.size.height / 2)
        return seen[..., :2] * (self.focal_px / distance)[..., None] + centre, distance

    def distance(self, along_m: float, across_m: float) -> float:
        """Return how far a point of the ground lies in front of the camera, in metres."""
        point = np.array([along_m, across_m, 0.0])
        return float((point - self.position) @ self.axes[2])

    def rays(self, top: int, bottom: int, fine: int) -> NDArray[np.float32]:
        """Return the directions through `fine` x `fine` points of each pixel in rows top to bottom.

        They are f32 [rows * fine, width * fine, 3], with a forward part of 1, so that a multiple of
        one is a distance along the camera's axis.
        """
        x = (np.arange(self.size.width * fine) + 0.5) / fine - self.size.width / 2
        y = (np.arange(top * fine, bottom * fine) + 0.5) / fine - self.size.height / 2
        rows, columns = (y / self.focal_px)[:, None], x / self.focal_px
        parts = [(rows * down + forward) + columns * right for right, down, forward in self.axes.T]
        return np.stack(parts, -1, dtype=np.float32)
