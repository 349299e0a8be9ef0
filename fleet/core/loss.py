"""Frames that were wanted and lost, as one row of errors/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fleet.errors import FleetError


@dataclass(frozen=True)
class Loss:
    """A stretch of one video whose wanted frames are lost, and why.

    `stage`, `name`, `message` and `code` are those of the error, see `fleet.errors`. The stretch
    has no times where the whole video is lost, or its times are not known.
    """

    uri: str
    stage: str
    name: str
    message: str
    code: int = 0
    start_pts: int | None = None
    """Its first pts, in the stream's time base."""
    end_pts: int | None = None
    """The first pts past it."""
    start_s: float | None = None
    """Where it starts, in seconds from the video's first frame."""
    end_s: float | None = None
    """Where it ends."""
    frames: int | None = None
    """How many wanted frames are lost; None where that is not known."""

    def __post_init__(self) -> None:
        if (self.start_pts is None) != (self.end_pts is None):
            raise ValueError(f"a stretch has both ends or none: {self}")
        if self.frames is not None and self.frames < 0:
            raise ValueError(f"frames lost are counted from 0: {self}")

    @classmethod
    def of_video(cls, uri: str, error: FleetError, frames: int | None = None) -> Self:
        """Return the loss of a whole video, such as one that cannot be opened."""
        message = f"{error.message} {error.way_out}".strip()
        return cls(uri, error.stage, error.name, message, error.code, frames=frames)


@dataclass(frozen=True)
class LossReason:
    """Losses that have one reason, summed up."""

    stage: str
    name: str
    losses: int
    """How many there are."""
    frames: int
    """How many wanted frames they cost."""
    uri: str
    """The video of one of them, as an example."""
    message: str
    """The message of that one."""
