"""What to simulate, and for how many devices: a real plan or a made-up one, told in a few lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from fleet.core.lease_summary import LeaseSummary
from fleet.errors import UsageError
from fleet.plan.lease import Lease
from fleet.scheduler.lease_state import SchedulingPolicy
from fleet.simulate.conditions import Conditions, synthetic
from fleet.simulate.run import Outcome, simulate

GOPS = 8
"""GOPs that a made-up lease has."""
LEASES_A_VIDEO = 100
MOST_LEASES = 300_000
"""With more leases than that, other device counts are only simulated where they are asked for."""
_SHARE = re.compile(r"([\d.]+)\s*%")
_SLOW = re.compile(r"([\d.]+)\s*%\s*x\s*([\d.]+)")

MakePieces = Callable[[int], Sequence[LeaseSummary]]
"""Gives the leases that a plan for so many devices has."""


def read_slow(text: str, weather: Conditions) -> Conditions:
    """Read `1%x5`: one device of a hundred takes five times as long; raises UsageError."""
    found = _SLOW.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} says nothing of slow devices.", "Write it like 1%x5.")
    return _checked(weather, slow_share=_number(found[1]) / 100, slow_factor=_number(found[2]))


def read_failures(text: str, weather: Conditions) -> Conditions:
    """Read `0.1%`: so many devices of a hundred fail in a minute; raises UsageError."""
    found = _SHARE.fullmatch(text.strip().removesuffix("/min").strip())
    if found is None:
        raise UsageError(f"{text!r} is no share of devices a minute.", "Write it like 0.1%.")
    return _checked(weather, failures_a_minute=_number(found[1]) / 100)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number.") from None


def _checked(weather: Conditions, **changes: float) -> Conditions:
    try:
        return replace(weather, **changes)
    except ValueError as error:
        raise UsageError(str(error)) from None


def made_up(leases: int, mean_s: float, seed: int) -> MakePieces:
    """Make up leases of `mean_s` seconds on the mean, a hundred a video."""

    def make(devices: int) -> list[LeaseSummary]:
        costs = synthetic(leases, mean_s, devices, seed)
        return [
            LeaseSummary(f"{number:x}", GOPS, cost_s, f"video {number // LEASES_A_VIDEO}")
            for number, cost_s in enumerate(costs)
        ]

    return make


def planned(bundle: Callable[[int], Iterable[Lease]], factor: float) -> MakePieces:
    """Take the leases of a plan; a second of the cost model takes a device `factor` seconds."""

    def make(devices: int) -> list[LeaseSummary]:
        return [
            LeaseSummary(lease.id, lease.gops, lease.cost_s * factor, lease.shards[0].source.uri)
            for lease in bundle(devices)
        ]

    return make


@dataclass(frozen=True)
class Table:
    """One simulated run, and the same work with fewer and more devices."""

    asked: Outcome
    others: tuple[Outcome, ...]


def other_counts(devices: int) -> list[int]:
    """Return a quarter to four times as many devices."""
    counts = [devices // 4, devices // 2, devices * 2, devices * 4]
    return [count for count in counts if count]


def what_if(
    make: MakePieces,
    devices: int,
    others: Sequence[int] | None,
    weather: Conditions,
    seed: int,
    rules: SchedulingPolicy,
) -> Table:
    """Simulate for `devices`, and for `others`; None: a quarter to four times as many.

    All of one seed.
    """
    pieces = make(devices)
    if others is None:
        others = other_counts(devices) if len(pieces) <= MOST_LEASES else []
    asked = simulate(pieces, devices, weather, seed, rules)
    found = [simulate(make(count), count, weather, seed, rules) for count in others]
    return Table(asked, tuple(found))
