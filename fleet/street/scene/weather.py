"""The effects between street and picture: rain, a shaking mast, a noisy sensor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import floor

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.street.canvas.brush import Picture
from fleet.street.scene.clip import Clip, Light, Weather

MARGIN_PX = 4
"""The margin of the painted street around the picture, so that the camera may shake."""
_ROAM_PX = 160
_GRAIN = {Light.DAY: 1.8, Light.DUSK: 3.2, Light.NIGHT: 5.0}


@dataclass(frozen=True, eq=False)
class Air:
    """The rain, noise and shake of a clip."""

    size: Size
    """The size of the picture."""
    moves: NDArray[np.float64]
    """[frames, 2], how far the picture is moved in each frame, (right, down) in px."""
    windows: NDArray[np.int64]
    """[frames, 4], the corners of each frame in the larger fields of noise and rain."""
    noise: NDArray[np.int8]
    """[h + 160, w + 160, 3], within +-`limit`."""
    limit: int
    """The largest noise."""
    rain: Picture | None
    """[h + 160, w + 160, 3], or None where it is dry."""

    def apply(self, canvas: Picture, frame: int) -> Picture:
        """Return the picture, u8 [height, width, 3], of a canvas that is MARGIN_PX larger.

        It may overwrite the canvas.
        """
        picture = self._cropped(canvas, *self.moves[frame].tolist())
        if self.rain is not None:
            cv2.add(picture, self._window(self.rain, frame, 2), dst=picture)
        # With the limit as distance to both ends, the noise cannot overflow a byte.
        np.clip(picture, self.limit, 255 - self.limit, out=picture)
        return picture + self._window(self.noise.view(np.uint8), frame, 0)

    def _cropped(self, canvas: Picture, right: float, down: float) -> Picture:
        """Crop the picture from its canvas, moved by parts of pixels, as the mean of neighbours."""
        left, top = floor(MARGIN_PX - right), floor(MARGIN_PX - down)
        part = canvas[top : top + self.size.height + 1, left : left + self.size.width + 1]
        if not (right or down):
            return part[:-1, :-1]
        aside, below = MARGIN_PX - right - left, MARGIN_PX - down - top
        # Two blends of whole pictures take a third of the time of an affine transformation.
        rows, picture = self._blends
        cv2.addWeighted(part[:, :-1], 1 - aside, part[:, 1:], aside, 0, dst=rows)
        cv2.addWeighted(rows[:-1], 1 - below, rows[1:], below, 0, dst=picture)
        return picture

    @cached_property
    def _blends(self) -> tuple[Picture, Picture]:
        """Where the blends go: large arrays that are made anew cost more than what is done."""
        rows = np.empty((self.size.height + 1, self.size.width, 3), np.uint8)
        return rows, np.empty_like(rows[1:])

    def _window(self, field: Picture, frame: int, which: int) -> Picture:
        down, aside = self.windows[frame, which : which + 2]
        return field[down : down + self.size.height, aside : aside + self.size.width]


def air(clip: Clip, rng: np.random.Generator) -> Air:
    """Return the air of a clip; one camera in three hangs on a mast that sways."""
    roomy = (clip.size.height + _ROAM_PX, clip.size.width + _ROAM_PX)
    strength = _GRAIN[clip.light] * rng.uniform(0.7, 1.3)
    limit = int(3 * strength) + 1
    sharp = rng.standard_normal((*roomy, 3), np.float32)
    sharp *= strength
    noise = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 0.6), np.float32)
    noise *= 0.7
    noise *= 1.6
    noise += cv2.cvtColor(0.3 * sharp[..., 0], cv2.COLOR_GRAY2RGB)
    shaky = rng.random() < 1 / 3
    return Air(
        size=clip.size,
        moves=_sway(clip.frames, rng) if shaky else np.zeros((clip.frames, 2)),
        windows=rng.integers(_ROAM_PX, size=(clip.frames, 4)),
        noise=np.clip(noise, -limit, limit, out=noise).astype(np.int8),
        limit=limit,
        rain=_streaks(roomy, clip, rng) if clip.weather is Weather.RAIN else None,
    )


def _sway(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    steps = rng.normal(0, 1, (frames + 8, 2))
    smooth = np.stack([np.convolve(steps[:, axis], np.ones(4) / 2, "valid") for axis in (0, 1)], 1)
    return np.clip(smooth[:frames] * rng.uniform(0.4, 1.1), -3, 3)


def _streaks(shape: tuple[int, int], clip: Clip, rng: np.random.Generator) -> Picture:
    """Draw drops as slanted streaks, near ones long and broad: u8 [rows, columns, 3]."""
    height, width = shape
    field = np.zeros(shape, np.uint8)
    slant = rng.normal(0, 0.12)
    bright = 66 if clip.light is Light.DAY else 44
    unit = clip.size.height / 360
    for length, broad, share in ((9, 1, 1.0), (18, 1, 1.2), (34, 2, 0.7)):
        count = int(260 * share * rng.uniform(0.5, 1.2))
        starts = rng.uniform((0, 0), (width, height), (count, 2))
        ends = starts + np.array([slant, 1.0]) * (length * unit * rng.uniform(0.6, 1.4, (count, 1)))
        for start, end, tone in zip(starts, ends, rng.uniform(0.4, 1, count), strict=True):
            cv2.line(
                field, start.astype(int).tolist(), end.astype(int).tolist(),
                int(bright * tone), max(1, round(broad * unit / 2)), cv2.LINE_AA,
            )  # fmt: skip
    soft = cv2.GaussianBlur(field, (0, 0), 0.7)
    return np.asarray(cv2.cvtColor(soft, cv2.COLOR_GRAY2RGB), np.uint8)
