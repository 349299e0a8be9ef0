"""The measures that the tables are made of: size ranges, strides and rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fleet.core.geometry import Size, align_up

MB = 1 << 20
HD_PIXELS = Size(1920, 1080).pixels
"""The picture that the documented figures are for: 1080p."""
HD_CODED_PIXELS = Size(1920, 1120).pixels
"""The largest picture that still counts as 1080p: the default size of a channel."""
P720_PIXELS = Size(1280, 720).pixels


@dataclass(frozen=True)
class SizeRange:
    """The picture sizes that a block accepts, both ends included."""

    min: Size
    max: Size

    def __contains__(self, size: Size) -> bool:
        return (
            self.min.width <= size.width <= self.max.width
            and self.min.height <= size.height <= self.max.height
        )

    def __str__(self) -> str:
        return f"{self.min} to {self.max}"


@dataclass(frozen=True)
class StrideRule:
    """The layout of a picture in memory: bytes a row, and rows of the first plane."""

    width_step: int
    """The width stride is a multiple of so many pixels."""
    height_step: int
    """The height stride is a multiple of so many rows."""
    min_width: int
    """The least width stride, in bytes."""
    max_width: int
    """The largest width stride, in bytes."""
    min_height: int
    """The least height stride, in rows."""
    max_height: int
    """The largest height stride, in rows."""

    def __str__(self) -> str:
        return f"{self.width_step} by {self.height_step}"

    def strides(self, size: Size, pixel_bytes: int = 1) -> tuple[int, int]:
        """Return the width stride in bytes and the height stride in rows of a picture."""
        width = max(self.min_width, align_up(size.width, self.width_step) * pixel_bytes)
        return width, max(self.min_height, align_up(size.height, self.height_step))

    def allows(self, width_stride: int, height_stride: int, pixel_bytes: int = 1) -> bool:
        """Return whether a picture may have these strides."""
        return (
            width_stride % (self.width_step * pixel_bytes) == 0
            and height_stride % self.height_step == 0
            and self.min_width <= width_stride <= self.max_width
            and self.min_height <= height_stride <= self.max_height
        )


@dataclass(frozen=True)
class Rate:
    """The speed of a block."""

    pixels_per_s: float
    """Its speed on large pictures."""
    pictures_per_s: float = math.inf
    """Its limit on small pictures."""

    def seconds(self, pixels: int) -> float:
        """Return the modelled seconds for one picture of that many pixels."""
        return max(pixels / self.pixels_per_s, 1 / self.pictures_per_s)


def together_per_s(whole: Rate, channel: Rate, pixels: int, channels: int) -> float:
    """Return the pictures a second that so many busy channels of a block do together.

    One alone runs at its own rate; all share that of the block.
    """
    return min(channels / channel.seconds(pixels), 1 / whole.seconds(pixels))
