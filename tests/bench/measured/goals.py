"""The ratios that Fleet means to reach, and whether a run's figures reach them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from measured.cases import (
    BARE,
    DAFT,
    DECORD,
    DISK,
    FLEET,
    IN_PROCESSES,
    INLINE,
    ON_RAY,
    ONE_DEVICE,
    PLAIN,
    RAY_ALONE,
    RAY_DATA,
    READ_AFAR,
    TORCHCODEC,
    Metric,
)
from measured.spread import Spread, differences, ratios, spread

Values = Sequence[float | None]
"""A figure's value in each round, None where there was none."""
Key = tuple[str, str, Metric]
"""Case, contestant, metric."""


@dataclass(frozen=True)
class Goal:
    """A bound on how two figures of a case compare, in medians over the rounds."""

    case: str
    """The case that both are of."""
    metric: Metric
    """The figure of both."""
    over: str
    """Whose figure is divided, or taken from."""
    under: str
    """Whose figure it is divided by, or what is taken away; "" where there is none."""
    bound: float | None
    """What the median may be at most, or at least; None where it is told only."""
    at: Literal["most", "least"]
    """Which of both."""
    how: Literal["ratio", "difference", "value"] = "ratio"
    """Whether they are divided, subtracted, or only one is looked at."""

    @property
    def title(self) -> str:
        """What is compared, in words."""
        sign = {"ratio": " / ", "difference": " - ", "value": ""}[self.how]
        return f"{self.case}, {WORDS[self.metric]}: {self.over}{sign}{self.under}"

    @property
    def aim(self) -> str:
        """The bound in words."""
        unit = "" if self.how == "ratio" else " s"
        return "" if self.bound is None else f"at {self.at} {self.bound:g}{unit}"


@dataclass(frozen=True)
class Verdict:
    """How a goal stands."""

    goal: Goal
    """Which."""
    found: Spread | None
    """What was measured; None where one of both is missing."""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the bound; None where there is no figure or no bound."""
        if self.found is None or self.goal.bound is None:
            return None
        if self.goal.at == "most":
            return self.found.median <= self.goal.bound
        return self.found.median >= self.goal.bound

    @property
    def figure(self) -> str:
        """What was measured, in words; "" where it was not."""
        unit = "" if self.goal.how == "ratio" else " s"
        return "" if self.found is None else f"{self.found}{unit}"

    def __str__(self) -> str:
        stands = {True: "met", False: "NOT MET", None: "not measured"}[self.met]
        if self.found is not None and self.met is None:
            stands = "told"
        return f"{stands:<12} {self.goal.title:<62} {self.figure:<24} {self.goal.aim}".rstrip()


WORDS: Mapping[Metric, str] = {
    "wall_s": "from cold",
    "frames_per_s": "warm",
    "first_rows_s": "first rows after the first device",
    "decode_cpu_s": "CPU",
}
UNITS: Mapping[Metric, str] = {
    "wall_s": "seconds",
    "frames_per_s": "frames a second",
    "first_rows_s": "seconds",
    "decode_cpu_s": "seconds",
}
GOALS = (
    Goal("startup", "wall_s", ON_RAY, RAY_ALONE, 1.15, "most"),
    Goal("startup", "wall_s", IN_PROCESSES, INLINE, 1.5, "most", "difference"),
    Goal("dense", "wall_s", FLEET, BARE, 1.15, "most"),
    Goal("dense", "wall_s", RAY_DATA, FLEET, 1.5, "least"),
    Goal("dense", "wall_s", DAFT, FLEET, None, "least"),
    Goal("sparse", "wall_s", FLEET, BARE, 1.0, "most"),
    Goal("sparse", "wall_s", FLEET, PLAIN, 1.0, "most"),
    Goal("sparse", "wall_s", RAY_DATA, FLEET, 3.0, "least"),
    Goal("dense", "frames_per_s", FLEET, BARE, 1.05, "least"),
    Goal("sparse", "frames_per_s", FLEET, BARE, 2.2, "least"),
    Goal("keyframes", "frames_per_s", FLEET, BARE, 7.0, "least"),
    # The script leaves it to the decoder to pass over what are no key frames; the bare loop does not.
    Goal("keyframes", "wall_s", PLAIN, FLEET, None, "least"),
    Goal("decode", "decode_cpu_s", DECORD, FLEET, 1.8, "least"),
    Goal("decode", "decode_cpu_s", TORCHCODEC, FLEET, 1.8, "least"),
    Goal("tiny", "wall_s", PLAIN, FLEET, 1.4, "least"),
    Goal("one", "frames_per_s", FLEET, ONE_DEVICE, 1.9, "least"),
    Goal("dense", "first_rows_s", FLEET, "", 2.0, "most", "value"),
    Goal("far", "frames_per_s", READ_AFAR, DISK, None, "least"),
)


def of_whole(figures: Mapping[Key, Values], failed: Collection[str]) -> dict[Key, Values]:
    """Return the figures of who ended well in every round: a median of the others compares nothing.

    `failed`: who did not, as `case: contestant`.
    """
    return {key: values for key, values in figures.items() if f"{key[0]}: {key[1]}" not in failed}


def judge(figures: Mapping[Key, Values]) -> list[Verdict]:
    """Return how each goal stands whose case was measured."""
    cases = {case for case, _, _ in figures}
    return [Verdict(goal, _compared(goal, figures)) for goal in GOALS if goal.case in cases]


def _compared(goal: Goal, figures: Mapping[Key, Values]) -> Spread | None:
    over = figures.get((goal.case, goal.over, goal.metric), ())
    under = figures.get((goal.case, goal.under, goal.metric), ())
    if goal.how == "ratio":
        return spread(ratios(over, under))
    if goal.how == "difference":
        return spread(differences(over, under))
    return spread(over)
