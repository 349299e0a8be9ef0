"""The front of a lease: what is done of it where a device has to stop between two of its GOPs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fleet.core.interval import Interval, lease_id
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.video.decode_plan import GopPart


@dataclass(frozen=True)
class Stop:
    """Where a lease is ended: before a part (from 0) of one of its shards (from 0)."""

    shard: int
    part: int


@dataclass(frozen=True, eq=False)
class Prefix:
    """A lease that was ended early: `order` was run as a lease, and `remainder` was not."""

    order: LeaseOrder
    remainder: Rest


@dataclass(frozen=True)
class Rest:
    """What was not done of a lease that was ended early: a lease of its own.

    `cost_s`: its share of the lease's estimated cost, by the packets that were to be fed. `uri`:
    the video that it begins with.
    """

    lease: str
    gops: int
    cost_s: float
    uri: str


def may_stop(shard: ShardOrder, part: int) -> bool:
    """Whether a shard can be ended before one of its parts: another GOP of its own begins there.

    False before the first part: a front has one GOP at least; and where the part is of the GOP
    behind the shard, of which it owns leading pictures alone.
    """
    return part > 0 and _begins(shard, part) < shard.interval.end_pts


def leading(part: GopPart, shard: ShardOrder) -> GopPart | None:
    """What is still fed of the GOP before which a shard is ended; None for nothing.

    Its leading pictures, shown before its key, belong to the GOP in front of it (see
    `fleet.video.decode_plan`); the key is fed because they refer to it, and is not shown.
    """
    if part.restart:
        return None
    pts = shard.packets.pts[part.rows]
    ours = pts < pts[0]
    # Up to the last wanted one, as in the plan of a shard that ends here.
    ours &= np.logical_or.accumulate((ours & part.wanted)[::-1])[::-1]
    fed = ours.copy()
    fed[0] = True
    return GopPart(part.rows[fed], (part.wanted & ours)[fed], restart=False) if ours.any() else None


def split(order: LeaseOrder, stop: Stop, job_digest: str) -> Prefix:
    """Divide a lease in two where it was ended."""
    ended = order.shards[stop.shard]
    done = order.shards[: stop.shard]
    left = [shard.interval for shard in order.shards[stop.shard + 1 :]]
    if stop.part:
        first = _first_parts(ended, stop.part)
        done += (first,)
        left.insert(0, replace(ended.interval, start_pts=first.interval.end_pts))
    else:
        left.insert(0, ended.interval)
    covered = tuple(shard.interval for shard in done)
    share = 1 - _packets(done) / max(1, _packets(order.shards))
    return Prefix(
        replace(order, lease=lease_id(job_digest, covered), shards=done),
        Rest(
            lease_id(job_digest, left),
            _gops(order.shards) - _gops(done),
            order.cost_s * share,
            left[0].uri,
        ),
    )


def _first_parts(shard: ShardOrder, parts: int) -> ShardOrder:
    start, end = shard.interval.start_pts, _begins(shard, parts)
    last = leading(shard.parts[parts], shard)
    share = (end - start) / (shard.interval.end_pts - start)
    return replace(
        shard,
        interval=Interval(shard.source.uri, shard.source.etag, start, end),
        parts=(*shard.parts[:parts], *([last] if last else [])),
        video_s=shard.video_s * share,
        bounds=shard.bounds[shard.bounds <= end],
    )


def _begins(shard: ShardOrder, part: int) -> int:
    """Tell the pts of the key that a part begins with, which is where its GOP's span begins."""
    return int(shard.packets.pts[shard.parts[part].rows[0]])


def _gops(shards: tuple[ShardOrder, ...]) -> int:
    return sum(len(shard.bounds) - 1 for shard in shards)


def _packets(shards: tuple[ShardOrder, ...]) -> int:
    return sum(len(part.rows) for shard in shards for part in shard.parts)
