"""What is asked of a calibration."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.errors import UsageError

MOST_FRAMES = 100_000


@dataclass(frozen=True)
class CalibrationRequest:
    """Which frames are looked at; raises UsageError for what cannot be."""

    archive: str
    """A video, a folder of them or a glob, as `fleet run --input` takes it."""
    frames: int = 200
    """How many frames the ranges are taken from; as many others are compared."""
    seed: int = 0
    """By which frames are drawn."""
    truth: str | None = None
    """True boxes of the videos, as `fleet eval --truth` takes them; None where there are none."""

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= MOST_FRAMES:
            message = f"--frames {self.frames}: ranges cannot be calibrated on that many frames."
            raise UsageError(message, f"Give 1 to {MOST_FRAMES:,}; 200 are a good start.")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed} is negative.", "Give 0 or more.")
