"""Rounds and their spread: medians, the least and the most, and ratios within a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """What a figure was over several rounds."""

    median: float
    """Of the rounds."""
    least: float
    """Of the rounds."""
    most: float
    """Of the rounds."""
    rounds: int
    """How many have it."""

    def __str__(self) -> str:
        if self.rounds == 1:
            return short(self.median)
        return f"{short(self.median)} ({short(self.least)} to {short(self.most)})"


def short(value: float) -> str:
    """Return a figure with about three digits, which is what a machine's drift leaves of it."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float | None]) -> Spread | None:
    """Return the spread of the rounds that have a value, None where none has."""
    found = [value for value in values if value is not None]
    return Spread(median(found), min(found), max(found), len(found)) if found else None


def ratios(over: Sequence[float | None], under: Sequence[float | None]) -> list[float]:
    """Return the ratio of each round that has both: a machine's drift from round to round falls out."""
    return _paired(over, under, lambda a, b: a / b if b else None)


def differences(over: Sequence[float | None], under: Sequence[float | None]) -> list[float]:
    """Return the difference of each round that has both."""
    return _paired(over, under, lambda a, b: a - b)


def _paired(
    over: Sequence[float | None],
    under: Sequence[float | None],
    combined: Callable[[float, float], float | None],
) -> list[float]:
    found = [
        combined(a, b) for a, b in zip(over, under, strict=False) if a is not None and b is not None
    ]
    return [value for value in found if value is not None]
