"""Whether a version has lost speed against another: pure, by the figures of rounds in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from measured.cases import HIGHER_IS_BETTER, Metric
from measured.goals import WORDS, Key
from measured.spread import Spread, half_spread, ratios, spread

MOST_LOSS = 0.05
"""What may be lost, beyond the spread of the rounds."""


@dataclass(frozen=True)
class Comparison:
    """One figure of both versions."""

    key: Key
    """Case, contestant, metric."""
    slower: Spread
    """How many times as slow the new version is, by round: above 1 where it lost."""
    off: float
    """How far a middling round is off the median: half of what lies between the quartiles."""

    @property
    def lost(self) -> bool:
        """Whether it lost more than may be, even if the median was off by the spread."""
        return self.slower.median - self.off > 1 + MOST_LOSS

    def __str__(self) -> str:
        case, who, metric = self.key
        stands = "LOST" if self.lost else "kept"
        title = f"{case}, {WORDS[metric]}: {who}"
        return f"{stands}  {title:<56} x {self.slower}  +- {self.off:.2f}"


def slower_by(
    old: Sequence[float | None], new: Sequence[float | None], metric: Metric
) -> list[float]:
    """Return how many times as slow the new one is, for each round that has both."""
    return ratios(old, new) if metric in HIGHER_IS_BETTER else ratios(new, old)


def compared(
    old: Mapping[Key, Sequence[float | None]], new: Mapping[Key, Sequence[float | None]]
) -> list[Comparison]:
    """Return the comparison of each figure that both have."""
    found = []
    for key in old:
        rounds = slower_by(old[key], new.get(key, ()), key[2])
        one = spread(rounds)
        if one is not None:
            assert one.median == median(rounds)
            found.append(Comparison(key, one, half_spread(rounds)))
    return found


def unmeasured(
    old: Mapping[Key, Sequence[float | None]], new: Mapping[Key, Sequence[float | None]]
) -> list[Key]:
    """Return the figures that the old version has in a round in which the new one has none."""
    return [
        key
        for key, values in old.items()
        if any(
            before is not None and after is None
            for before, after in zip(values, _filled(new.get(key, ()), len(values)), strict=True)
        )
    ]


def _filled(values: Sequence[float | None], length: int) -> list[float | None]:
    return [*values, *[None] * (length - len(values))][:length]
