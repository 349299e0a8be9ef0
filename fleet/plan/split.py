"""Splitting a lease at GOPs: to find the one that does harm, or to share it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

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


def split_off(
    lease: Lease, works: Mapping[str, VideoWork], names: LeaseNames, covered: Sequence[Interval]
) -> tuple[Lease, Lease]:
    """Divide a lease into what `covered` tells of, and the remainder.

    What is covered keeps the lease's name, whose commit it is; the remainder has a name by what it
    covers. Raises ValueError where `covered` is not some whole GOPs of the lease, and not all.
    """
    done: list[Shard] = []
    left: list[Shard] = []
    for shard in lease.shards:
        work = works[shard.source.uri]
        marks = _covered_gops(shard, work, covered)
        edges = [0, *(np.flatnonzero(np.diff(marks)) + 1).tolist(), shard.gops]
        for first, last in pairwise(edges):
            piece = work.shard(shard.first_gop + first, shard.first_gop + last)
            (done if marks[first] else left).append(piece)
    ticks = sum(i.end_pts - i.start_pts for i in covered)
    found = sum(s.interval.end_pts - s.interval.start_pts for s in done)
    if not done or not left or ticks != found:
        raise ValueError(f"these are not some GOPs of lease {lease.id}: {list(covered)}")
    return Lease(lease.id, tuple(done)), _lease(tuple(left), names)


def _covered_gops(shard: Shard, work: VideoWork, covered: Sequence[Interval]) -> NDArray[np.bool_]:
    """Mark the GOPs of a shard that lie within one of the intervals: bool [gops]."""
    bounds = work.bounds[shard.first_gop : shard.last_gop + 1]
    version = (shard.source.uri, shard.source.etag)
    marks = np.zeros(shard.gops, np.bool_)
    for interval in covered:
        if (interval.uri, interval.etag) == version:
            marks |= (interval.start_pts <= bounds[:-1]) & (bounds[1:] <= interval.end_pts)
    return marks


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
