"""Whether a version has lost speed against another: pure, by the figures of rounds in turn.

A gate makes some thirty comparisons at once, so that a bound which one of them keeps by chance is
broken by one of thirty: identical code must pass. A figure is lost where all three hold:

- the median of its rounds is more than 5 % slower;
- in five rounds or more, all but one of them are; in fewer, all of them;
- its mean over the rounds, of logarithms, lies further above 1 than `SURE` standard errors. The
  noise of a round is taken as the greater of its own and that of all comparisons together, since
  four degrees of freedom are few. With fewer than five rounds it is `ROUGH` at least, so that only
  gross losses are found: 1.5 times as slow in one round, 1.26 in three.

Simulated with independent runs of 8 % noise, five rounds of identical code: one in a hundred gates
fails, with 33 comparisons as with one. A loss of 15 % in one of 33 figures is found always where a
run has 2 % of noise, nine times of ten at 4 %, one time of five at 8 %: the remedy for a noisy
machine is a quiet one. tests/pure/test_bench_gate.py simulates it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import fmean, stdev

from measured.cases import HIGHER_IS_BETTER, Metric
from measured.goals import WORDS, Key
from measured.spread import Spread, ratios, spread

MOST_LOSS = 0.05
"""What may be lost, beyond the spread of the rounds."""
DECIDING: frozenset[Metric] = frozenset({"wall_s", "frames_per_s", "decode_cpu_s"})
"""What speed is lost by; `first_rows_s`, a second or two after a start, is only told."""
SURE = 3.5
"""How many standard errors are no chance in some thirty comparisons."""
ENOUGH_ROUNDS = 5
"""With fewer, their spread says too little."""
ROUGH = 0.08 * sqrt(2)
"""The noise that is assumed of fewer rounds: that of two runs of a busy machine."""


@dataclass(frozen=True)
class Comparison:
    """One figure of both versions."""

    key: Key
    """Case, contestant, metric."""
    slower_by: tuple[float, ...]
    """How many times as slow the new version is, by round: above 1 where it lost."""
    noise: float
    """The standard deviation of the logarithm of a round, as it is taken."""

    @property
    def slower(self) -> Spread:
        """How the rounds spread."""
        found = spread(self.slower_by)
        assert found is not None
        return found

    @property
    def chance(self) -> float:
        """How many times as slow the same code may look, in the mean of the rounds."""
        return exp(SURE * self.noise / sqrt(len(self.slower_by)))

    @property
    def lost(self) -> bool:
        """Whether it lost more than may be, and more than chance would have it."""
        rounds = len(self.slower_by)
        over = sum(each > 1 + MOST_LOSS for each in self.slower_by)
        return (
            self.key[2] in DECIDING
            and self.slower.median > 1 + MOST_LOSS
            and over >= rounds - (rounds >= ENOUGH_ROUNDS)
            and fmean(map(log, self.slower_by)) > log(self.chance)
        )

    def __str__(self) -> str:
        case, who, metric = self.key
        stands = "LOST" if self.lost else "kept" if metric in DECIDING else "told"
        title = f"{case}, {WORDS[metric]}: {who}"
        return f"{stands}  {title:<56} x {self.slower}  chance: up to x {self.chance:.2f}"


def slower_by(
    old: Sequence[float | None], new: Sequence[float | None], metric: Metric
) -> list[float]:
    """Return how many times as slow the new one is, for each round that has both."""
    found = ratios(old, new) if metric in HIGHER_IS_BETTER else ratios(new, old)
    return [times for times in found if times > 0]


def compared(
    old: Mapping[Key, Sequence[float | None]], new: Mapping[Key, Sequence[float | None]]
) -> list[Comparison]:
    """Return the comparison of each figure that both have."""
    found = {key: slower_by(old[key], new.get(key, ()), key[2]) for key in old}
    found = {key: rounds for key, rounds in found.items() if rounds}
    own = {key: _noise(rounds) for key, rounds in found.items()}
    # What is only told does not say how steady the others are.
    deciding = [own[key] for key in found if key[2] in DECIDING]
    common = sqrt(fmean(one * one for one in deciding)) if deciding else 0.0
    return [
        Comparison(
            key,
            tuple(rounds),
            max(own[key], common, ROUGH if len(rounds) < ENOUGH_ROUNDS else 0.0),
        )
        for key, rounds in found.items()
    ]


def _noise(rounds: Sequence[float]) -> float:
    return stdev(map(log, rounds)) if len(rounds) > 1 else 0.0


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
