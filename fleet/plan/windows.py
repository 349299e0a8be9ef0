"""When enough of an archive is looked at for work to begin on it, or to go on; pure.

The plan is made in windows: the first one is small, so that devices have something to do at once,
and each further one is larger, so that there are few of them however large the archive is.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_FILES = 16
"""Files in the first window; a header takes some milliseconds, a scan as long as a copy."""
FIRST_S = 20.0
"""Estimated seconds of a device that are enough for the first window."""
MOST_FILES = 4096
"""Files in a window at most: of those that wait, all that is known is held in memory."""
PLENTY = 20_000
"""Leases that wait; while there are more, no further files are looked at."""


@dataclass(frozen=True)
class Extent:
    """How much of an archive: files that were looked at, and what there is to do of them."""

    files: int = 0
    cost_s: float = 0.0
    """Estimated seconds of one device."""

    def __add__(self, other: Extent) -> Extent:
        return Extent(self.files + other.files, self.cost_s + other.cost_s)

    def left_s(self, files: int) -> float:
        """Return the estimated seconds in so many further files, which are taken to be alike."""
        return self.cost_s / self.files * files if self.files else 0.0


def is_window(new: Extent, before: Extent) -> bool:
    """Return whether what was looked at since the last window is enough for the next one.

    `before`: all that was looked at until the last window.
    """
    files = min(max(FIRST_FILES, before.files // 2), MOST_FILES)
    return new.files >= files or new.cost_s >= max(FIRST_S, before.cost_s)
