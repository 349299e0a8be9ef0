"""What many measured times come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Times:
    """The seconds of all runs, in their order; one at least."""

    seconds: tuple[float, ...]
    """Measured on this machine."""

    def __post_init__(self) -> None:
        if not self.seconds:
            raise ValueError("no times")

    @property
    def mean_s(self) -> float:
        """The average of all."""
        return _mean(self.seconds)

    @property
    def mean_without_first_s(self) -> float:
        """The average of all but the first; of the only one where there is one."""
        return _mean(self.seconds[1:] or self.seconds)

    @property
    def median_s(self) -> float:
        """The middle one, or the average of both."""
        return float(np.median(self.seconds))

    @property
    def p99_s(self) -> float:
        """What 99 of 100 do not exceed, interpolated linearly."""
        return float(np.percentile(self.seconds, 99))

    def per_s(self, batch: int) -> float:
        """Return how many pictures a second that is, by the average without the first."""
        return batch / self.mean_without_first_s

    def in_ms(self) -> dict[str, float]:
        """Return the figures in milliseconds, by ais_bench's names."""
        least, most = min(self.seconds), max(self.seconds)
        named = {"min": least, "max": most, "mean": self.mean_s, "median": self.median_s}
        named["percentile(99%)"] = self.p99_s
        return {name: 1e3 * value for name, value in named.items()}


def _mean(seconds: Sequence[float]) -> float:
    return sum(seconds) / len(seconds)
