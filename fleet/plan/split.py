"""Splitting a lease at GOPs: to find the one that does harm, or to share it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from fleet.core.interval import Interval, LeaseNames
from fleet.plan.lease import Lease, Shard
from fleet.plan.shard import VideoWork


def split(
    lease: Lease, works: Mapping[str, VideoWork], names: LeaseNames, pieces: int
) -> tuple[Lease, ...]:
    """Divide a lease's GOPs, in order, into leases of about as many GOPs each.

    `works` holds its videos by URI. Each piece is named by what it covers, as any lease is. Raises
    ValueError where the lease has fewer GOPs than there are to be pieces.
    """
    if not 2 <= pieces <= lease.gops:
        raise ValueError(f"lease {lease.id} of {lease.gops} GOPs is not split into {pieces}")
    bounds = [lease.gops * number // pieces for number in range(pieces + 1)]
    return tuple(
        _lease(tuple(_between(lease, works, first, last)), names)
        for first, last in pairwise(bounds)
    )


def split_at(
    lease: Lease, works: Mapping[str, VideoWork], names: LeaseNames, prefix: Sequence[Interval]
) -> tuple[Lease, Lease]:
    """Divide a lease in two where its prefix, given by what that covers, ends.

    The prefix keeps the lease's name, whose commit it is; the remainder has a name by what it
    covers. Raises ValueError where `prefix` is not the first few GOPs of the lease, at least one
    and not all.
    """
    gops = _gops_of(lease, works, prefix)
    if not 0 < gops < lease.gops:
        raise ValueError(f"lease {lease.id} does not begin with {list(prefix)}")
    first = tuple(_between(lease, works, 0, gops))
    remainder = tuple(_between(lease, works, gops, lease.gops))
    return Lease(lease.id, first), _lease(remainder, names)


def _gops_of(lease: Lease, works: Mapping[str, VideoWork], prefix: Sequence[Interval]) -> int:
    """Count the GOPs that a prefix of the lease covers; 0 where it is no prefix."""
    if not 0 < len(prefix) <= len(lease.shards):
        return 0
    whole, last = lease.shards[: len(prefix) - 1], lease.shards[len(prefix) - 1]
    bounds = works[last.source.uri].bounds[last.first_gop : last.last_gop + 1]
    gops = int(np.searchsorted(bounds, prefix[-1].end_pts))
    if not 0 < gops < len(bounds):
        return 0
    last_interval = Interval(last.source.uri, last.source.etag, int(bounds[0]), int(bounds[gops]))
    if (*(shard.interval for shard in whole), last_interval) != tuple(prefix):
        return 0
    return gops + sum(shard.gops for shard in whole)


def _lease(shards: tuple[Shard, ...], names: LeaseNames) -> Lease:
    return Lease(names(shard.interval for shard in shards), shards)


def _between(
    lease: Lease, works: Mapping[str, VideoWork], first: int, last: int
) -> Iterator[Shard]:
    """Yield the GOPs first <= g < last of the lease, counted over all its shards."""
    before = 0
    for shard in lease.shards:
        start = max(first - before, 0)
        end = min(last - before, shard.gops)
        if start < end:
            work = works[shard.source.uri]
            yield work.shard(shard.first_gop + start, shard.first_gop + end)
        before += shard.gops
