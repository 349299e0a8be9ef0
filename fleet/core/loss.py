"""What did not come out, as one row of errors/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fleet.errors import FleetError


@dataclass(frozen=True)
class Loss:
    """A stretch of one video that was wanted and did not come out, and why.

    `start_pts` <= pts < `end_pts` in the stream's time base, `start_s` and `end_s` in seconds from
    the first frame; all None where the whole video is lost, or its time is not known. `frames`:
    wanted frames lost, None where nobody can tell. `stage`, `code`, `name`, `message`: as in
    `fleet.errors`.
    """

    uri: str
    stage: str
    name: str
    message: str
    code: int = 0
    start_pts: int | None = None
    end_pts: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        if (self.start_pts is None) != (self.end_pts is None):
            raise ValueError(f"a stretch has both ends or none: {self}")
        if self.frames is not None and self.frames < 0:
            raise ValueError(f"frames lost are counted from 0: {self}")

    @classmethod
    def of_video(cls, uri: str, error: FleetError, frames: int | None = None) -> Self:
        """Describe a whole video lost to an error, such as one that cannot be opened."""
        message = f"{error.message} {error.way_out}".strip()
        return cls(uri, error.stage, error.name, message, error.code, frames=frames)


@dataclass(frozen=True)
class LossReason:
    """Losses that have one reason: how many, how many wanted frames they cost, and an example."""

    stage: str
    name: str
    losses: int
    frames: int
    uri: str
    message: str
