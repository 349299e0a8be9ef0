"""How many devices a run wants at a moment: a pure decision over the work that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass

WORTH_STARTING_S = 30.0
"""A machine is asked for where it would have at least so many seconds of work."""
LEAST_S = 2.0
"""A device that is there already is used where it has at least so many."""
MARGIN = 1.1
"""What is planned to end at the deadline would end after it half of the time."""
STARTING_S = 30.0
"""From when a machine is asked for until its devices work."""
EARLY_BYTES = 4_000_000
"""Of videos that are decoded for the most part: seconds of a device, which starts in one."""


@dataclass(frozen=True)
class Limits:
    """What the user allows.

    `most`: devices at most; None: as many as there are, but none is asked for. `deadline_s`: when
    the run is to be over, seconds from its start; None: as soon as can be. `releases`: devices that
    have nothing to do are let go, so that others can use them and machines can be given back.
    """

    most: int | None = None
    deadline_s: float | None = None
    releases: bool = False

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise ValueError(f"a run needs one device at least: {self}")
        if self.deadline_s is not None and self.deadline_s <= 0:
            raise ValueError(f"a deadline is in the future: {self}")


@dataclass(frozen=True)
class Load:
    """What there is to do, and to do it with.

    `waiting_s`: seconds of one device that what is not begun takes; `waiting`: how many leases that
    is. `running_s`: what is left of those that run, at most. `busy`: devices that hold a lease.
    `capacity`: devices there could be on the machines that are here now.
    """

    waiting_s: float
    waiting: int
    running_s: float
    busy: int
    capacity: int

    @property
    def is_sized(self) -> bool:
        """Whether anything tells how much work waits: not where all that was seen is done."""
        return not self.waiting or self.waiting_s + self.running_s > 0


def wanted(load: Load, limits: Limits, elapsed_s: float) -> int:
    """Tell how many devices the run should have now; never fewer than hold a lease."""
    ceiling = limits.most or max(load.capacity, load.busy)
    if not load.waiting:
        return load.busy
    # More than the leases that there are, as long ones are cut for those who have none.
    able = load.busy + max(load.waiting, math.ceil(load.waiting_s / LEAST_S))
    if limits.deadline_s is not None:
        left_s = max(limits.deadline_s - elapsed_s - STARTING_S, 1.0)
        need = math.ceil(MARGIN * (load.waiting_s + load.running_s) / left_s)
    else:
        asked_for = math.ceil((load.waiting_s + load.running_s) / WORTH_STARTING_S)
        need = max(load.capacity, asked_for)
    return max(load.busy, 1, min(need, able, ceiling))


def wanted_early(files: int, decoded_bytes: int, most: int) -> int:
    """Return how many devices are started before anybody has looked into a file.

    What starts only once the plan is made, joins so much later. One a file, which may be short, and
    more where there are many bytes to decode: a long video is for all devices.
    """
    return min(most, max(files, math.ceil(decoded_bytes / EARLY_BYTES)))
