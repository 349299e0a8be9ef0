"""Bundling what is to be done into leases: a pure function of the work and the device count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fleet.core.interval import LeaseNames
from fleet.plan.lease import Lease, Shard
from fleet.plan.shard import GopWork, VideoWork

FIRST_LEASE_S = 1.0
"""The first lease of each device is no longer than this, so that rows show early."""
LEASES_A_DEVICE = 4
"""The next lease takes its device's share of what is left, divided by this."""
SHORTEST_SHARE = 64
"""No lease is planned shorter than its device's share of the whole, divided by this."""
LEAST_LEASES = 24
"""So many leases a device are short enough for all to end at about the same time."""
SHORTEST_S = 0.5
"""Nor shorter than this, where all is not too little for it: while a lease is computed, the one
before is committed, which takes a far store two of its answers."""


@dataclass(frozen=True)
class WorkAround:
    """What there is beside some work that is cut into leases, where a plan is made bit by bit."""

    leases: int = 0
    """How many were cut before."""
    before_s: float = 0.0
    """Estimated seconds of one device in these."""
    coming_s: float = 0.0
    """Estimated seconds in what is cut after it."""


NOTHING_AROUND = WorkAround()


@dataclass(frozen=True)
class LeaseSizes:
    """How long leases are to be, in estimated seconds of one device.

    Guided self-scheduling: each lease takes a fixed part of what is left, so that leases come out
    longest first and short at the tail; about fifteen a device, none over `longest_s`.
    """

    total_s: float
    devices: int
    longest_s: float

    def __post_init__(self) -> None:
        if self.devices < 1 or self.longest_s <= 0:
            raise ValueError(f"leases need a device and a length above 0: {self}")

    def next_s(self, number: int, left_s: float) -> float:
        """Tell how long lease `number` (from 0) is to be when `left_s` of the work is left."""
        share_s = left_s / (self.devices * LEASES_A_DEVICE)
        whole_s = self.total_s / self.devices
        floor_s = max(whole_s / SHORTEST_SHARE, min(SHORTEST_S, whole_s / LEAST_LEASES))
        size_s = min(self.longest_s, max(share_s, floor_s))
        return min(size_s, FIRST_LEASE_S) if number < self.devices else size_s


class _Bundler:
    """Gathers shards into leases of the wanted sizes."""

    def __init__(self, names: LeaseNames, sizes: LeaseSizes, around: WorkAround) -> None:
        self._names = names
        self._sizes = sizes
        self._shards: list[Shard] = []
        self._leases = around.leases
        self._left_s = sizes.total_s - around.before_s
        self.room_s = sizes.next_s(self._leases, self._left_s)

    def add(self, shard: Shard) -> Iterator[Lease]:
        """Take a shard in, and yield the lease that it fills."""
        self._shards.append(shard)
        self._left_s -= shard.cost_s
        self.room_s -= shard.cost_s
        if self.room_s <= 0:
            yield from self.close()

    def close(self) -> Iterator[Lease]:
        """Yield the lease of what was gathered, if there is anything."""
        if not self._shards:
            return
        identity = self._names(shard.interval for shard in self._shards)
        lease = Lease(identity, tuple(self._shards))
        self._leases += 1
        self._shards = []
        self.room_s = self._sizes.next_s(self._leases, max(self._left_s, 0.0))
        yield lease


def bundle(
    works: Sequence[VideoWork],
    names: LeaseNames,
    devices: int,
    longest_s: float,
    around: WorkAround = NOTHING_AROUND,
) -> list[Lease]:
    """Cut the work at GOPs into leases, in the order in which they are to be handed out.

    One long video spreads over many leases; many short ones share one. `around`: what was cut
    before, and what is to come, so that leases get short at the end of all of it.
    """
    total_s = around.before_s + sum(work.todo_cost_s for work in works) + around.coming_s
    return list(leases_of(works, names, LeaseSizes(total_s, devices, longest_s), around))


def leases_of(
    works: Iterable[GopWork],
    names: LeaseNames,
    sizes: LeaseSizes,
    around: WorkAround = NOTHING_AROUND,
) -> Iterator[Lease]:
    """Yield the leases of `bundle` one by one, so that neither they nor the work need be held."""
    bundler = _Bundler(names, sizes, around)
    for work in works:
        seconds = work.costs.seconds.tolist()
        for first, last in work.todo_runs():
            start = first
            while start < last:
                end = _fill(seconds, start, last, bundler.room_s)
                yield from bundler.add(work.shard(start, end))
                if end < last:
                    yield from bundler.close()
                start = end
    yield from bundler.close()


def _fill(seconds: Sequence[float], start: int, last: int, room_s: float) -> int:
    """Take GOPs from `start` until the room is filled to within half a GOP; at least one."""
    used_s = seconds[start]
    for gop in range(start + 1, last):
        if used_s + seconds[gop] / 2 > room_s:
            return gop
        used_s += seconds[gop]
    return last
