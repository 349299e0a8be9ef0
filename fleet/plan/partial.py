"""Some of a lease: what is done where a device has to stop early, or cannot read a video."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from fleet.core.interval import Interval
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.video.decode_plan import GopPart


@dataclass(frozen=True)
class Stop:
    """Where a lease is ended: before a part (from 0) of one of its shards (from 0)."""

    shard: int
    part: int


def may_stop(shard: ShardOrder, part: int) -> bool:
    """Whether a shard can be ended before one of its parts: another GOP of its own begins there.

    False before the first part: a prefix has one GOP at least; where the part is of the GOP behind
    the shard, of which it owns leading pictures alone; and in GOPs in front of the shard, which are
    only decoded for what refers to them.
    """
    begins = _begins(shard, part)
    return part > 0 and shard.interval.start_pts < begins < shard.interval.end_pts


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


def done_of(order: LeaseOrder, stop: Stop | None, unreached: Collection[int]) -> LeaseOrder:
    """Return what was done of a lease that was ended early, or of which some could not be read.

    `stop`: where it was ended, None at its end. `unreached`: the shards, from 0, whose videos could
    not be read. It keeps the lease's name: whichever is committed first, some of the lease or all,
    counts. It may have no shard.
    """
    several = list(enumerate(order.shards))
    if stop is not None:
        ended = order.shards[stop.shard]
        last = [(stop.shard, _first_parts(ended, stop.part))] if stop.part else []
        several = several[: stop.shard] + last
    return replace(order, shards=tuple(shard for n, shard in several if n not in unreached))


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
