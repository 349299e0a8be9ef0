"""The description of a synthetic clip: what it shows, and how it is coded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from fleet.core.geometry import Size
from fleet.errors import UsageError

LABELS = ("person", "cyclist", "car", "bus")
"""The classes, in the order of their class_id."""
SMALLEST, LARGEST = Size(320, 180), Size(1920, 1080)


class Light(StrEnum):
    """The time of day."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"


class Weather(StrEnum):
    """The weather; a cloudy day has no sun and no hard shadows."""

    CLEAR = "clear"
    CLOUDY = "cloudy"
    RAIN = "rain"


class Density(StrEnum):
    """How many people and vehicles are on the street."""

    EMPTY = "empty"
    SPARSE = "sparse"
    NORMAL = "normal"
    CROWD = "crowd"


@dataclass(frozen=True)
class Coding:
    """How pictures are coded."""

    codec: str = "h264"
    """h264 or h265."""
    gop_s: float = 2.0
    """Seconds from key to key."""
    b_frames: int = 2
    """How many B-frames lie between two other frames."""
    open_gop: bool = False
    """Whether pictures may refer across a key."""

    def __post_init__(self) -> None:
        if self.codec not in {"h264", "h265"}:
            raise UsageError(f"A clip cannot be coded as {self.codec!r}.", "Use h264 or h265.")
        if not 0.2 <= self.gop_s <= 10:
            raise UsageError(f"GOPs of {self.gop_s:g} s were asked.", "Use 0.2 to 10 seconds.")
        if not 0 <= self.b_frames <= 4:
            raise UsageError(f"{self.b_frames} B-frames in a row were asked.", "Use 0 to 4.")
        if self.open_gop and not self.b_frames:
            raise UsageError(
                "An open GOP was asked without B-frames.",
                "Only B-frames refer across a key: set b_frames to 1 or more.",
            )


@dataclass(frozen=True)
class Clip:
    """One clip of one fixed camera; equal values make equal pictures."""

    seed: int
    """The seed of the events on the street."""
    scene: int = 0
    """The seed of the street, its buildings and its camera: the same in all clips of a camera."""
    size: Size = field(default_factory=lambda: Size(1280, 720))
    """The size of the pictures."""
    rate: Fraction = Fraction(12)
    """Frames a second."""
    seconds: float = 10.0
    """The length, which is rounded to whole frames."""
    light: Light = Light.DAY
    weather: Weather = Weather.CLEAR
    density: Density = Density.NORMAL
    coding: Coding = Coding()

    def __post_init__(self) -> None:
        if min(self.seed, self.scene) < 0:
            raise UsageError(
                f"The seed {min(self.seed, self.scene)} is negative.", "Use 0 or more."
            )
        _check_size(self.size)
        if not 1 <= self.rate <= 60:
            raise UsageError(f"{self.rate} frames a second were asked.", "Use 1 to 60.")
        if not 0 < self.seconds <= 3600:
            raise UsageError(f"A clip of {self.seconds:g} s was asked.", "Use up to 3600 seconds.")

    @property
    def frames(self) -> int:
        """The number of pictures, at least one."""
        return max(1, round(self.seconds * self.rate))

    def time_s(self, frame: int) -> float:
        """Return the time of a frame, in seconds from the first."""
        return float(frame / self.rate)


def _check_size(size: Size) -> None:
    fits = SMALLEST.width <= size.width <= LARGEST.width
    fits &= SMALLEST.height <= size.height <= LARGEST.height
    if not fits or size.width % 2 or size.height % 2:
        raise UsageError(
            f"A picture of {size} was asked.",
            f"Use even sides from {SMALLEST} to {LARGEST}.",
        )
