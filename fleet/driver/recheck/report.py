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
    codes: int = 1
    """How many versions of the job's code the output was made by, at most."""
    apart: tuple[Finding, ...] = ()
    """Other rows where there are several versions: an earlier one may have made them so, which no
    object tells. They are no findings, and nothing is to be done about them."""
    tolerance: float = TOLERANCE
    """How far floats may be apart; all else is to be equal."""

    @property
    def proven(self) -> bool:
        """Return whether all that was drawn was looked at, and nothing of it is wrong."""
        return not self.findings and not self.unreached
