"""Cutting a lease into pieces, to find the GOP in it that does harm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from fleet.plan.lease import Lease, Shard, lease_id
from fleet.plan.shard import VideoWork


def cut(
    lease: Lease, works: Mapping[str, VideoWork], job_digest: str, pieces: int
) -> tuple[Lease, ...]:
    """Divide a lease's GOPs, in order, into leases of about as many GOPs each.

    `works` holds its videos by URI. Each piece is named by what it covers, as any lease is. Raises
    ValueError where the lease has fewer GOPs than there are to be pieces.
    """
    if not 2 <= pieces <= lease.gops:
        raise ValueError(f"lease {lease.id} of {lease.gops} GOPs is not cut into {pieces}")
    bounds = [lease.gops * number // pieces for number in range(pieces + 1)]
    return tuple(
        _lease(tuple(_between(lease, works, first, last)), job_digest)
        for first, last in pairwise(bounds)
    )


def _lease(shards: tuple[Shard, ...], job_digest: str) -> Lease:
    return Lease(lease_id(job_digest, (shard.interval for shard in shards)), shards)


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
