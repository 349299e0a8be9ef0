"""How many processes are worth beginning before a job is loaded: a pure decision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

MOST_EARLY = 2
"""More than these are started once it is known that there is work for them."""
_AUTO = "auto"


def early_devices(said: Mapping[str, object], cores: int, *, has_cluster: bool) -> int:
    """Return how many devices of a run will be processes of this machine, as far as is certain.

    `said`: the fields of a job, which nobody has checked yet. `cores`: of this machine.
    `has_cluster`: whether a Ray cluster is named. At most `MOST_EARLY`; 0 where devices may live
    elsewhere, or the plan says how many there are.
    """
    on = said.get("on", _AUTO)
    lives_here = on == "processes" or (on == _AUTO and not has_cluster)
    if not lives_here or "deadline" in said:
        return 0
    here = max(1, cores // (_count(said.get("cores_per_device")) or 1))
    devices = _count(said.get("devices")) or min(_count(said.get("max_devices")) or here, here)
    return min(devices, MOST_EARLY)


def _count(value: object) -> int | None:
    """Return a number of devices or cores, None for `auto` and for whatever will be refused."""
    # Python reads and writes no number of thousands of digits.
    with suppress(ValueError):
        digits = str(value)
        if digits.isascii() and digits.isdigit():
            return int(digits) or None
    return None
