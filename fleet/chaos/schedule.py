"""What is done to a run, and when: a pure function of a seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from fleet.errors import UsageError


class FaultKind(StrEnum):
    """What is done: to a worker's process (SIGKILL, SIGSTOP) or to the driver's own (SIGKILL)."""

    KILL = "kill a worker"
    HANG = "hang a worker"
    DRIVER = "kill the driver"


@dataclass(frozen=True)
class Strike:
    """One deed, `at_s` seconds after the first lease was handed out; `victim` chooses the worker.

    Of the workers that there are at that moment, in the order of their names, it is the one at
    `victim` modulo their number.
    """

    at_s: float
    deed: FaultKind
    victim: int = 0

    def __post_init__(self) -> None:
        if self.at_s < 0:
            raise ValueError("a strike is not before the first lease")
        if self.victim < 0:
            raise ValueError("victims are counted from 0")


@dataclass(frozen=True)
class Wanted:
    """How many of each deed there are to be in a run."""

    kills: int = 3
    hangs: int = 1
    driver_deaths: int = 1

    def __post_init__(self) -> None:
        if min(self.kills, self.hangs, self.driver_deaths) < 0:
            raise UsageError("A number of faults is negative.", "Use 0 for none.")


def set_out(seed: int, wanted: Wanted, span_s: float) -> tuple[tuple[Strike, ...], ...]:
    """Set out what happens to each of the driver's lives, at moments spread over `span_s`.

    `span_s`: how long the undisturbed run worked. Each life but the last ends with the driver's
    death; the deeds to workers are shared out among the lives.
    """
    chance = np.random.default_rng(seed)
    lives: list[list[Strike]] = [[] for _ in range(wanted.driver_deaths + 1)]
    for life in lives[:-1]:
        life.append(Strike(float(chance.uniform(0.1, 0.6)) * span_s, FaultKind.DRIVER))
    deeds = [FaultKind.KILL] * wanted.kills + [FaultKind.HANG] * wanted.hangs
    for deed in deeds:
        life = lives[int(chance.integers(len(lives)))]
        latest_s = life[0].at_s if life and life[0].deed is FaultKind.DRIVER else 0.6 * span_s
        life.append(Strike(float(chance.uniform(0, latest_s)), deed, int(chance.integers(1000))))
    return tuple(tuple(sorted(life, key=lambda trigger: trigger.at_s)) for life in lives)
