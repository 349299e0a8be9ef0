"""A lease spelled out for the device that takes it: which bytes, which packets, which frames.

The ledger knows leases by name and cost only; an order is made when a lease is handed out, so that
packet tables are not held for leases that wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.core.interval import Interval
from fleet.core.source import Source
from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.plan.lease import Lease, Shard
from fleet.plan.shard import VideoWork
from fleet.video.decode_plan import GopPart, plan_decode
from fleet.video.index import PacketTable
from fleet.video.stream import StreamInfo

_GAPLESS = frozenset({"mp4", "avi"})


@dataclass(frozen=True, eq=False)
class ShardOrder:
    """One shard, ready to be decoded.

    `packets`: the packets to fetch, in decode order; rows below index it. `parts`: what to feed.
    `frames`: int64 [packets], the frame number that a packet shows. `start_pts`: the pts of the
    video's first frame. `video_s`: seconds of video that the shard covers. `rows`: int64 [packets],
    their rows in the whole video. `gapless`: its container lists every picture that it ever had, so
    that none can be missing between two that are there. `bounds`: int64 [gops + 1], the pts where
    each of its GOPs begins, and where the last one ends.
    """

    source: Source
    stream: StreamInfo
    interval: Interval
    packets: PacketTable
    parts: tuple[GopPart, ...]
    frames: NDArray[np.int64]
    start_pts: int
    video_s: float
    rows: NDArray[np.int64]
    gapless: bool
    bounds: NDArray[np.int64]
    looked_through: bool = True
    """Whether the index was made by a pass over the whole file, so that it is known to be right."""
    video_start: WallTime = UNKNOWN_TIME
    """When the first frame of the whole video was."""

    def time_at(self, pts: int) -> WallTime:
        """Return when a pts was, by a wall clock."""
        return self.video_start.after(pts - self.start_pts, self.stream.time_base)

    def __repr__(self) -> str:
        return f"ShardOrder({self.source.uri}, {self.interval}, {len(self.packets)} packets)"


@dataclass(frozen=True, eq=False)
class LeaseOrder:
    """A lease, ready to be run by a worker.

    `cost_s`: estimated seconds of one device's time.
    """

    lease: str
    shards: tuple[ShardOrder, ...]
    cost_s: float = 0.0
    has_room_ahead: bool = False
    """Whether a device has the memory to decode ahead of the job, should a core be to spare."""

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """What it covers."""
        return tuple(shard.interval for shard in self.shards)

    @property
    def video_s(self) -> float:
        """Seconds of video that it covers."""
        return sum(shard.video_s for shard in self.shards)


def order(lease: Lease, works: Mapping[str, VideoWork]) -> LeaseOrder:
    """Spell a lease out; `works` holds its videos by URI."""
    shards = tuple(_shard_order(shard, works[shard.source.uri]) for shard in lease.shards)
    return LeaseOrder(lease.id, shards, lease.cost_s)


def _shard_order(shard: Shard, work: VideoWork) -> ShardOrder:
    index, wanted = work.look()
    plan = plan_decode(index, shard.first_gop, shard.last_gop, wanted)
    rows = plan.rows
    parts = []
    start = 0
    for part in plan.parts:
        local = np.arange(start, start + len(part.rows))
        parts.append(GopPart(local, part.wanted, part.restart))
        start += len(part.rows)
    return ShardOrder(
        source=index.source,
        stream=index.stream,
        interval=shard.interval,
        packets=index.packets.take(rows),
        parts=tuple(parts),
        frames=index.frame_of_row[rows],
        start_pts=index.start_pts,
        video_s=shard.video_s,
        rows=rows,
        gapless=index.container in _GAPLESS,
        bounds=work.bounds[shard.first_gop : shard.last_gop + 1],
        looked_through=index.origin == "scan",
        video_start=work.video_start,
    )
