"""The light of day, dusk and night."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.street.scene.clip import Clip, Light, Weather

RGB = NDArray[np.float64]
"""A colour or a light, f64 [3]; 1 is the brightness of white paper in daylight."""


@dataclass(frozen=True, eq=False)
class Lighting:
    """The sources of light, and their strength."""

    to_sun: NDArray[np.float64]
    """The unit vector (along, across, up) towards the sun."""
    sun: RGB
    """The light of the sun on a surface that faces it."""
    ambient: RGB
    """The light from all directions."""
    shade: float
    """The share of the light that a cast shadow takes away, 0..1."""
    sky_top: RGB
    sky_low: RGB
    haze_m: float
    """The distance at which haze hides half of an object."""
    lamps: float = 0.0
    """The strength of street lamps."""
    windows: float = 0.04
    """The share of windows that are lit."""
    headlights: bool = False
    """Whether vehicles have their lights on."""

    @cached_property
    def sunny(self) -> bool:
        """Return whether the sun is bright enough to cast hard shadows."""
        return float(self.sun.max()) > 0.3

    @cached_property
    def glow(self) -> float:
        """The visibility of lamps against the rest, 0..1."""
        return float(np.clip(1.25 - self.ambient.max() * 1.6, 0, 1)) if self.headlights else 0.0


def lighting(clip: Clip, rng: np.random.Generator) -> Lighting:
    """Return the light of a clip; the position of the sun is random, the rest follows from it."""
    azimuth = rng.uniform(0, 2 * np.pi)
    if clip.light is Light.NIGHT:
        return _night(azimuth, wet=clip.weather is Weather.RAIN)
    if clip.light is Light.DUSK:
        return _dusk(azimuth, grey=clip.weather is not Weather.CLEAR)
    if clip.weather is Weather.CLEAR:
        return _sunny(azimuth, np.radians(rng.uniform(32, 58)))
    return _grey(azimuth, wet=clip.weather is Weather.RAIN)


def _direction(azimuth: float, height: float) -> NDArray[np.float64]:
    level = np.cos(height)
    return np.array([np.cos(azimuth) * level, np.sin(azimuth) * level, np.sin(height)])


def _sunny(azimuth: float, height: float) -> Lighting:
    return Lighting(
        to_sun=_direction(azimuth, height),
        sun=np.array([0.82, 0.76, 0.66]),
        ambient=np.array([0.55, 0.58, 0.63]),
        shade=0.52,
        sky_top=np.array([0.40, 0.60, 0.88]),
        sky_low=np.array([0.80, 0.87, 0.93]),
        haze_m=420.0,
    )


def _grey(azimuth: float, *, wet: bool) -> Lighting:
    dim = 0.78 if wet else 0.95
    return Lighting(
        to_sun=_direction(azimuth, 1.3),
        sun=np.array([0.16, 0.16, 0.17]) * dim,
        ambient=np.array([0.76, 0.79, 0.83]) * dim,
        shade=0.30,
        sky_top=np.array([0.66, 0.69, 0.73]) * dim,
        sky_low=np.array([0.82, 0.84, 0.86]) * dim,
        haze_m=110.0 if wet else 260.0,
        windows=0.2,
        headlights=wet,
    )


def _dusk(azimuth: float, *, grey: bool) -> Lighting:
    warm = np.array([0.64, 0.58, 0.60]) if grey else np.array([0.95, 0.62, 0.42])
    return Lighting(
        to_sun=_direction(azimuth, 0.35),
        sun=np.array([0.10, 0.08, 0.07]),
        ambient=np.array([0.42, 0.42, 0.50]),
        shade=0.22,
        sky_top=np.array([0.28, 0.34, 0.52]),
        sky_low=warm,
        haze_m=240.0,
        lamps=0.55,
        windows=0.35,
        headlights=True,
    )


def _night(azimuth: float, *, wet: bool) -> Lighting:
    return Lighting(
        to_sun=_direction(azimuth, 1.2),
        sun=np.zeros(3),
        ambient=np.array([0.19, 0.20, 0.26]),
        shade=0.30,
        sky_top=np.array([0.02, 0.03, 0.06]),
        sky_low=np.array([0.10, 0.09, 0.10]) * (1.5 if wet else 1.0),
        haze_m=140.0 if wet else 300.0,
        lamps=1.0,
        windows=0.30,
        headlights=True,
    )
