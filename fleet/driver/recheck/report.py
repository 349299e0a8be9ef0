"""What came of decoding a sample of an output once more."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.driver.recheck.compare import TOLERANCE
from fleet.table.maintenance.finding import Finding


@dataclass(frozen=True)
class Unreached:
    """A video of the sample that could not be looked at."""

    uri: str
    reason: str


@dataclass(frozen=True)
class RecheckReport:
    """What was decoded once more, and all that differs."""

    seed: int
    """Of the draw: the same seed draws the same stretches."""
    stretches: int
    """Stretches that were decoded, a GOP each."""
    videos: int
    """How many videos these are of."""
    frames: int
    """Wanted frames in them."""
    lost: int
    """Frames of these that are recorded as lost, and were lost again."""
    rows: int
    """Rows of the job's table that were compared."""
    rounded: int
    """Rows of these whose floats are the same only within `tolerance`."""
    left_alone: int
    """Stretches that were drawn and not decoded, because they have ended a worker."""
    findings: tuple[Finding, ...]
    """What differs."""
    unreached: tuple[Unreached, ...]
    """Videos that could not be looked at, which says nothing of their rows."""
    tolerance: float = TOLERANCE
    """How far floats may be apart; all else is to be equal."""

    @property
    def proven(self) -> bool:
        """Return whether all that was drawn was looked at, and is the same."""
        return not self.findings and not self.unreached
