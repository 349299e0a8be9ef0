"""Shards and leases: what is to be done, named by exactly what it covers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.core.interval import Interval
from fleet.core.source import Source


@dataclass(frozen=True, slots=True)
class Shard:
    """Some whole GOPs of one video, first_gop <= gop < last_gop.

    `interval` covers exactly the frames that those GOPs own. `frames`: how many of them are wanted.
    `video_s`: seconds of video that they last. `cost_s`: estimated seconds of one device's time
    here.
    """

    source: Source
    first_gop: int
    last_gop: int
    interval: Interval
    frames: int
    video_s: float
    cost_s: float

    @property
    def gops(self) -> int:
        """How many GOPs it has."""
        return self.last_gop - self.first_gop


@dataclass(frozen=True, slots=True)
class Lease:
    """What one device takes on at a time; its `id` names its parts in the output."""

    id: str
    shards: tuple[Shard, ...]

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError(f"lease {self.id} holds no shard")

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """What it covers."""
        return tuple(shard.interval for shard in self.shards)

    @property
    def cost_s(self) -> float:
        """Estimated seconds of one device's time."""
        return sum(shard.cost_s for shard in self.shards)

    @property
    def video_s(self) -> float:
        """Seconds of video that it covers."""
        return sum(shard.video_s for shard in self.shards)

    @property
    def frames(self) -> int:
        """How many frames are wanted of it."""
        return sum(shard.frames for shard in self.shards)

    @property
    def gops(self) -> int:
        """How many GOPs it has."""
        return sum(shard.gops for shard in self.shards)


@dataclass(frozen=True)
class Stock:
    """Leases to be done, as far as they are planned."""

    leases: Sequence[Lease]
    coming_s: float | None = None
    """Estimated seconds of one device in leases that are yet to be planned; None: there are
    none."""


More = Callable[[int], Stock | None]
"""Gives the leases that were planned meanwhile, told how many wait; None: nothing is new."""
