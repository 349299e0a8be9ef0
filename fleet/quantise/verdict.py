"""What a comparison of a network with its int8 form came to, and what speaks against the latter."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.models.card import Calibration
from fleet.quantise.agreement import Agreement

LEAST_SHARE = 0.95
"""The least share of boxes that both find."""
MOST_AP_LOST = 0.01
"""The most AP@0.5:0.95 that may be lost, where there is truth."""


@dataclass(frozen=True)
class Precision:
    """The AP@0.5:0.95 of both networks on the compared frames; None where no object is there."""

    plain: float | None
    int8: float | None


@dataclass(frozen=True)
class Speed:
    """The median seconds of one run of each network, measured in turn on this machine."""

    plain_s: float
    int8_s: float
    runs: int
    """How often each was run."""


@dataclass(frozen=True)
class Comparison:
    """How a network in int8 does beside the one that it is of."""

    calibration: Calibration
    videos: int
    """Of how many videos frames were looked at."""
    left_out: tuple[str, ...]
    """What could not be looked at, and why, a sentence each."""
    compared: int
    """How many frames both looked at, none of those of the calibration."""
    above: float
    """Boxes with a higher score are compared."""
    agreement: Agreement
    precision: Precision | None
    """None where no truth is given."""
    speed: Speed

    def objections(self) -> tuple[str, ...]:
        """Return, as clauses, why the network in int8 may not take the other's place.

        It may where both find LEAST_SHARE of all boxes, at most MOST_AP_LOST is lost, and it is
        faster.
        """
        found = []
        share = self.agreement.share
        if share is None:
            found.append(f"neither finds a box above {self.above:g} to compare")
        elif share < LEAST_SHARE:
            found.append(f"both find {100 * share:.1f} % of all boxes, less than {LEAST_SHARE:.0%}")
        if self.precision and self.precision.plain is not None:
            lost = self.precision.plain - (self.precision.int8 or 0.0)
            if lost > MOST_AP_LOST:
                found.append(f"it loses {lost:.3f} of AP, more than {MOST_AP_LOST:g}")
        if self.speed.int8_s >= self.speed.plain_s:
            found.append("it is no faster on this machine")
        return tuple(found)
