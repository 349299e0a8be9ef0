"""What a run holds of its leases and videos: those in hand, and of the others what they cover."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of

from fleet.core.interval import LeaseNames
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.open_leases import OpenLeases
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.video.sampling import EVERY_FRAME

NAMES = LeaseNames("job", 1)
VIDEOS, GOPS = 3, 4


def works_of(forgotten: list[str] | None = None) -> dict[str, VideoWork]:
    """Set out three videos of four GOPs; `forgotten`: takes the names of those that are let go."""
    found = {}
    let_go = [] if forgotten is None else forgotten
    for name in "abc"[:VIDEOS]:
        index = index_of([(0, 1)] * GOPS, uri=name)
        wanted, done = EVERY_FRAME.wanted(index), DoneIntervals([])
        forget = partial(let_go.append, name)
        work = video_work(index, wanted, done, CostModel(), forget=forget)
        found[name] = work
    return found


def lease_of(works: dict[str, VideoWork], gops: frozenset[int]) -> Lease:
    """Return the lease of some GOPs, counted over all videos."""
    shards = [works["abc"[gop // GOPS]].shard(gop % GOPS, gop % GOPS + 1) for gop in sorted(gops)]
    return Lease(NAMES(shard.interval for shard in shards), tuple(shards))


LEASES = st.lists(
    st.frozensets(st.integers(0, VIDEOS * GOPS - 1), min_size=1, max_size=4),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(LEASES, st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
def test_a_video_is_held_for_as_long_as_a_lease_of_it_is_open(
    several: list[frozenset[int]], ends: list[tuple[int, bool]]
) -> None:
    """Whatever ends in which order, twice or not at all; what stood is told of with what it covers."""
    forgotten: list[str] = []
    works = works_of(forgotten)
    leases = [lease_of(works, gops) for gops in several]
    held = OpenLeases(works, leases)
    named = {shard.source.uri for lease in leases for shard in lease.shards}
    still = dict(works)
    there, stood = {lease.id: lease for lease in leases}, {}
    for number, stands in ends:
        lease = leases[number % len(leases)]
        held.end(lease.id, stands=stands)
        if there.pop(lease.id, None) and stands:
            stood[lease.id] = lease.intervals
    needed = {shard.source.uri for lease in there.values() for shard in lease.shards}
    assert works == {uri: work for uri, work in still.items() if uri in needed or uri not in named}
    assert sorted(forgotten) == sorted(still.keys() - works.keys())
    assert dict(held.ended) == stood
    for name, lease in there.items():
        assert held[name] is lease


def test_what_is_left_of_a_lease_keeps_its_videos() -> None:
    """Some of it is committed under its name: what takes its place is of a video that it was of."""
    works = works_of()
    whole, done, rest = (lease_of(works, frozenset(gops)) for gops in ({0, 1, 4}, {0}, {1, 4}))
    held = OpenLeases(works, [whole])
    held.add([Lease(whole.id, done.shards), rest])
    held.end(whole.id, stands=True)
    assert dict(held.ended) == {whole.id: done.intervals}
    assert {"a", "b"} <= set(works)
    held.end(rest.id, stands=False)
    assert not {"a", "b"} & set(works)
    with pytest.raises(KeyError):
        held[rest.id]
