"""How many processes are worth beginning before a job is loaded: a pure decision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fleet.executors.choice import choose, devices_here

MOST_EARLY = 2
"""More than these are started once it is known that there is work for them."""


def early_devices(said: Mapping[str, Any], cores: int, *, has_cluster: bool) -> int:
    """Return how many devices of a run will be processes of this machine, as far as is certain.

    `said`: the fields of a job, which nobody has checked yet. `cores`: of this machine.
    `has_cluster`: whether a Ray cluster is named. At most `MOST_EARLY`; 0 where devices may live
    elsewhere, or the plan says how many there are.
    """
    place = choose(said.get("on", "auto"), has_cluster=has_cluster)
    if place.mode != "processes" or "deadline" in said:
        return 0
    devices, most, each = map(_count, map(said.get, ("devices", "max_devices", "cores_per_device")))
    return min(devices_here(devices, most, cores, each or 1), MOST_EARLY)


def _count(value: object) -> int | None:
    """Return a number of devices or cores, None for `auto` and for whatever will be refused."""
    # Python reads and writes no number of thousands of digits.
    with suppress(ValueError):
        digits = str(value)
        if digits.isascii() and digits.isdigit():
            return int(digits) or None
    return None
