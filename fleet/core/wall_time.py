"""Moments by a wall clock, in whole microseconds of UTC, and whose clock says so."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

_PER_S = 1_000_000
EARLIEST_US = -62_135_596_800 * _PER_S
LATEST_US = 253_402_300_800 * _PER_S - 1
"""Moments outside of the years 1 to 9999 are none: no reader of tables could show them."""
_INT64 = 1 << 63
_Ticks = TypeVar("_Ticks", int, NDArray[np.int64])


def in_range(us: int) -> int | None:
    """Return microseconds since 1970; None where they are outside of the years 1 to 9999."""
    return us if EARLIEST_US <= us <= LATEST_US else None


@dataclass(frozen=True)
class WallTime:
    """A moment, or that none is known."""

    us: int | None = None
    """Microseconds since 1970, UTC, within the years 1 to 9999; None where it is not known."""
    clock: Literal["", "path", "container"] = ""
    """Who says so: the path of the video or its container; empty where nobody does."""

    def __post_init__(self) -> None:
        if (self.us is None) != (not self.clock):
            raise ValueError(f"a moment has a clock, and no clock is without one: {self}")
        if self.us is not None and in_range(self.us) is None:
            raise ValueError(f"{self.us} microseconds from 1970 are not within years 1 to 9999")

    def after(self, ticks: int, time_base: Fraction) -> WallTime:
        """Return the moment that many ticks later, by the same clock."""
        if self.us is None:
            return self
        us = in_range(self.us + _rounded(ticks, time_base * _PER_S))
        return UNKNOWN_TIME if us is None else WallTime(us, self.clock)

    def after_each(
        self, ticks: NDArray[np.int64], time_base: Fraction
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return `after` of each: microseconds, int64 [n], and whether they are known, bool [n].

        Where they are not, the microseconds are 0.
        """
        if self.us is None or not len(ticks):
            return np.zeros(len(ticks), np.int64), np.zeros(len(ticks), np.bool_)
        us_a_tick = time_base * _PER_S
        largest = max(1, -int(ticks.min()), int(ticks.max()))
        if 2 * largest * us_a_tick.numerator + us_a_tick.denominator < _INT64 - LATEST_US:
            us = self.us + _rounded(ticks, us_a_tick)
            known = (us >= EARLIEST_US) & (us <= LATEST_US)
            return np.where(known, us, 0), known
        # What does not fit into 64 bits on the way may fit in the end.
        each = [self.after(tick, time_base).us for tick in ticks.tolist()]
        return (
            np.array([us or 0 for us in each], np.int64),
            np.array([us is not None for us in each], np.bool_),
        )


def _rounded(ticks: _Ticks, us_a_tick: Fraction) -> _Ticks:
    """Return ticks as the nearest whole microseconds, halves up."""
    numerator, denominator = us_a_tick.numerator, us_a_tick.denominator
    return (2 * ticks * numerator + denominator) // (2 * denominator)


UNKNOWN_TIME = WallTime()
