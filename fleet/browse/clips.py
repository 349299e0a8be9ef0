"""A stretch of a video as H.264 in MP4, which browsers play."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from fractions import Fraction
from threading import Event

import numpy as np
from numpy.typing import NDArray

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.browse.asked import Stretch
from fleet.browse.opened import Opened
from fleet.browse.pictures import frames_of
from fleet.core.format import duration
from fleet.core.frames import Picture
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.show.clip import annotate
from fleet.show.detections import RecordedDetections
from fleet.show.movie import mp4_for_browsers

MOST_S = 60.0
MOST_FRAMES = 1_800
MP4 = "video/mp4"
WIDEST_PX = 1_280
"""Wider pictures are made smaller."""


def check_stretch(opened: Opened, asked: Stretch) -> None:
    """Raise UsageError for frames that the video has not, and for more than a clip takes."""
    opened.check(asked.last)
    length_s = opened.time_s(asked.last) - opened.time_s(asked.first)
    if length_s > MOST_S or asked.last - asked.first + 1 > MOST_FRAMES:
        raise UsageError(
            f"A clip is of {duration(MOST_S)} and {MOST_FRAMES:,} frames at most.",
            "`fleet clips` cuts longer ones.",
        )


def clip_size(size: Size) -> Size:
    """Return how large the pictures of a clip are: at most WIDEST_PX wide."""
    if size.width <= WIDEST_PX:
        return size
    return Size(WIDEST_PX, max(2, round(size.height * WIDEST_PX / size.width / 2) * 2))


def make_clip(
    opened: Opened,
    asked: Stretch,
    detections: RecordedDetections | None,
    chip: str,
    stop: Event,
) -> bytes:
    """Return an MP4; `detections`: the boxes that are drawn, None for none and no caption.

    Raises VideoError where nothing decodes it, UsageError where frames are damaged.
    """
    index = opened.index
    rate = index.stream.frame_rate or Fraction(25)
    numbers = range(asked.first, asked.last + 1)
    with closing(open_device(Opening(chip))) as device:

        def small(picture: Picture) -> NDArray[np.uint8]:
            return _small(device, picture)

        def pictures() -> Generator[tuple[int, NDArray[np.uint8]]]:
            with closing(frames_of(device, opened, numbers, small, stop)) as frames:
                for decoded in frames:
                    if detections is None:
                        yield decoded.pts, decoded.made
                    else:
                        yield decoded.pts, annotate(index, decoded, detections)

        with closing(pictures()) as drawn:
            return mp4_for_browsers(drawn, index.stream.time_base, rate)


def _small(device: Backend, picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as RGB, at most WIDEST_PX wide: scaled by VPC."""
    size = clip_size(picture.size)
    if size.width == picture.size.width:
        return picture.rgb()
    scaled = device.resize(picture, size)
    try:
        return scaled.rgb()
    finally:
        scaled.release()
