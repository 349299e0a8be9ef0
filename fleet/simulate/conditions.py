"""What happens to a simulated fleet: how fast its devices are, when they fail; seeded, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Conditions:
    """What a fleet has to put up with; all of it modelled.

    `slow_share` of the devices take `slow_factor` times as long. Each device fails with a
    probability of `failures_a_minute` a minute, and another one takes its place `replace_s` later.
    `noise`: how far a lease's time is off its estimate, as the standard deviation of its logarithm.
    `round_trip_s`: from a lease's end until the device has the next one, where it holds none.
    """

    slow_share: float = 0.0
    slow_factor: float = 5.0
    failures_a_minute: float = 0.0
    replace_s: float = 30.0
    noise: float = 0.1
    round_trip_s: float = 0.005

    def __post_init__(self) -> None:
        shares = (self.slow_share, self.failures_a_minute)
        if not all(0 <= share < 1 for share in shares):
            raise ValueError(f"shares lie from 0 to below 1: {self}")
        if self.slow_factor < 1 or min(self.replace_s, self.noise, self.round_trip_s) < 0:
            raise ValueError(f"a slow device is slower, and times are not below 0: {self}")


class Sampler:
    """Draws what happens; the same seed, the same world."""

    def __init__(self, weather: Conditions, seed: int) -> None:
        self.weather = weather
        self._random = np.random.default_rng(seed)
        self._noise = self._draw_noise()
        self._drawn = 0

    def _draw_noise(self) -> list[float]:
        # A mean of 1, so that the estimates are right on the whole.
        sigma = self.weather.noise
        drawn: list[float] = self._random.lognormal(-sigma * sigma / 2, sigma, 65536).tolist()
        return drawn

    def paces(self, devices: int) -> NDArray[np.float64]:
        """Draw how long each device takes for a second of the cost model: float64 [devices]."""
        slow = self._random.random(devices) < self.weather.slow_share
        return np.where(slow, self.weather.slow_factor, 1.0)

    def factor(self) -> float:
        """Draw by how much a lease's time is off its estimate."""
        if self._drawn == len(self._noise):
            self._noise, self._drawn = self._draw_noise(), 0
        self._drawn += 1
        return self._noise[self._drawn - 1]

    def lives_s(self) -> float:
        """Draw how long a device lives from now on."""
        rate = -math.log1p(-self.weather.failures_a_minute) / 60
        return float(self._random.exponential(1 / rate)) if rate else math.inf


def synthetic(leases: int, mean_s: float, devices: int, seed: int) -> list[float]:
    """Draw what leases cost, longest first, but that each device begins with one of 1 s at most.

    Costs are log-normal, half of them within 0.7 to 1.4 of their median.
    """
    random = np.random.default_rng(seed)
    sigma = 0.5
    costs = np.sort(random.lognormal(math.log(mean_s) - sigma * sigma / 2, sigma, leases))[::-1]
    # As a plan has it: a short one first, so that rows show early.
    costs[: min(devices, leases)] = np.minimum(costs[: min(devices, leases)], 1.0)
    drawn: list[float] = costs.tolist()
    return drawn
