"""The streets for training and validation: seeded clips of every light and weather."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fleet.core.geometry import Size
from fleet.street.scene.clip import Clip, Coding, Density, Light, Weather

TRAINING_SEED = 100_000_000
"""The first scene seed of training. `fleet street --seed N` takes N * 1000 + camera: an archive
of a seed under 100,000 shares no street with training."""
VALIDATION_SEED = 200_000_000
EVERY_S = 2
"""Seconds between the pictures of a clip, as neighbouring frames add little to the training."""
SHOWN_RATE = Fraction(12)
"""The frame rate that the encoder is given, so that it spends bits as on a clip of that rate."""

_DAY, _DUSK, _NIGHT = Light.DAY, Light.DUSK, Light.NIGHT
_CLEAR, _CLOUDY, _RAIN = Weather.CLEAR, Weather.CLOUDY, Weather.RAIN
_USUAL = (
    (_DAY, _CLEAR, Density.NORMAL),
    (_DAY, _RAIN, Density.CROWD),
    (_NIGHT, _CLEAR, Density.NORMAL),
    (_DUSK, _CLOUDY, Density.NORMAL),
    (_DAY, _CLOUDY, Density.CROWD),
    (_NIGHT, _RAIN, Density.SPARSE),
    (_DUSK, _CLEAR, Density.CROWD),
    (_DAY, _CLEAR, Density.EMPTY),
)
"""The views of an archive's cameras (fleet.street.archive); every other clip is one of them."""
_SIZES = (*(Size(1280, 720),) * 3, Size(960, 540), Size(960, 540), Size(640, 360), Size(1920, 1080))
_CODINGS = (Coding("h264", 2.0, 2), Coding("h264", 2.0, 0), Coding("h265", 2.0, 3))
_DENSITIES = (Density.SPARSE, Density.NORMAL, Density.NORMAL, Density.CROWD, Density.CROWD)


def training_clip(number: int, pictures: int) -> Clip:
    """Return the training clip of that number, always the same one."""
    return _clip(TRAINING_SEED + number, number, pictures)


def validation_clip(number: int, pictures: int) -> Clip:
    """Return a clip of a street that training never sees; the usual views come in turn."""
    return _clip(VALIDATION_SEED + number, number * 2, pictures)


def _clip(seed: int, number: int, pictures: int) -> Clip:
    """Return a usual clip for even numbers, any mix of light, weather and crowd for odd ones."""
    rng = np.random.default_rng(seed)
    light, weather, density = _USUAL[number // 2 % len(_USUAL)]
    if number % 2:
        light = (_DAY, _DUSK, _NIGHT)[rng.integers(3)]
        weather = (_CLEAR, _CLOUDY, _RAIN)[rng.integers(3)]
        density = _DENSITIES[rng.integers(len(_DENSITIES))]
    return Clip(
        seed=seed,
        scene=seed,
        size=_SIZES[rng.integers(len(_SIZES))],
        rate=Fraction(1),
        seconds=float(pictures * EVERY_S),
        light=light,
        weather=weather,
        density=density,
        coding=_CODINGS[rng.integers(len(_CODINGS))],
    )
