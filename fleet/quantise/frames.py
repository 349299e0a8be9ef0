"""The frames that are looked at: drawn from an archive, and decoded as a run decodes them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeVar

import numpy as np

from fleet.backend.backend import Backend
from fleet.core.format import plural
from fleet.core.frames import FrameBatch, Picture
from fleet.errors import (
    CredentialsRefusedError,
    DeviceError,
    ModelRefusedError,
    StorageError,
    UsageError,
    VideoError,
)
from fleet.index_cache.cache import IndexCache
from fleet.quantise.draw import Drawn, draw, shuffle
from fleet.quantise.request import CalibrationRequest
from fleet.show.decode import frames_on
from fleet.storage import expand
from fleet.video.index import VideoIndex

Made = TypeVar("Made")
OF_A_VIDEO = (VideoError, StorageError, DeviceError, UsageError)
"""What costs the frames of one video, and not the calibration."""


@dataclass
class DrawnFrames:
    """The frames of some videos; `left_out` grows while they are decoded."""

    videos: tuple[tuple[VideoIndex, Drawn], ...]
    archive: str
    """Where they lie, as it was asked."""
    left_out: list[str] = field(default_factory=list)
    """What could not be looked at, and why, a sentence each."""

    @property
    def count(self) -> int:
        """How many frames are drawn."""
        return sum(int((one.calibrated | one.compared).sum()) for _, one in self.videos)

    def of(
        self,
        purpose: Literal["calibrated", "compared"],
        device: Backend,
        make: Callable[[Picture], Made],
    ) -> Generator[tuple[str, int, Made]]:
        """Yield for each frame its video, its number, and what is made of its picture.

        What cannot be decoded is left out; the caller closes it before the device. Raises
        CredentialsRefusedError.
        """
        for index, drawn in self.videos:
            wanted = getattr(drawn, purpose)
            if not wanted.any():
                continue
            uri = index.source.uri
            try:
                with closing(frames_on(device, index, wanted, make)) as frames:
                    for frame in frames:
                        yield uri, frame.frame, frame.made
            except (CredentialsRefusedError, ModelRefusedError):
                raise
            except OF_A_VIDEO as error:
                why = f"{uri}: {error.message}"
                # A video may be damaged for both purposes.
                if why not in self.left_out:
                    self.left_out.append(why)

    def nothing(self) -> UsageError:
        """Return the error for frames none of which can be looked at."""
        unread = plural(len(self.left_out), "video")
        why = f" Left out: {unread}, such as {self.left_out[0]}" if self.left_out else ""
        return UsageError(
            f"--calibrate {self.archive}: no frames to calibrate on and to compare.{why}",
            "Name videos of which `fleet index` shows frames, two of them at least.",
        )


def draw_frames(request: CalibrationRequest) -> DrawnFrames:
    """Draw frames of an archive; at most as many videos are looked at as there are frames wanted.

    Raises InputNotFoundError where there is no video, and UsageError where there are not two frames
    to draw.
    """
    sources = expand([request.archive]).sources
    indexes: list[VideoIndex] = []
    left_out: list[str] = []
    with closing(IndexCache()) as known:
        for number in shuffle(len(sources), request.seed):
            if len(indexes) == 2 * request.frames:
                break
            try:
                indexes.append(known.get(sources[number]))
            except CredentialsRefusedError:
                raise
            except (VideoError, StorageError) as error:
                left_out.append(f"{sources[number].uri}: {error.message}")
    # As they were listed, so that the order in which they are decoded says nothing of the draw.
    indexes.sort(key=lambda index: index.source.uri)
    drawn = draw([len(index.order) for index in indexes], request.frames, request.seed)
    videos = tuple(zip(indexes, drawn, strict=True))
    frames = DrawnFrames(videos, request.archive, left_out)
    if not frames.count:
        raise frames.nothing()
    return frames


def alone(picture: Picture, slots: int) -> FrameBatch:
    """Return a batch that holds one picture in every slot of a network's input."""
    numbers = np.zeros(slots, np.int64)
    return FrameBatch("", (picture,) * slots, numbers, numbers, Fraction(1), 0)
