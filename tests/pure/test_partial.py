"""Ending a lease early: its front and its rest are the whole, each GOP and each packet's use once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes
from numpy.typing import NDArray

from fleet.core.interval import Interval, lease_id
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, ShardOrder, order
from fleet.plan.partial import Stop, may_stop, split
from fleet.plan.plan import bundle
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.plan.split import split_at
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling

SAMPLES = st.sampled_from(["all", "every=2", "every=7", "keyframes", "all,from_s=0.5"])


def work_of(index: VideoIndex, number: int, sample: str = "all") -> VideoWork:
    """Set out the work of a video under a name of its own."""
    source = type(index.source)(f"{number}.mp4", index.source.bytes, "etag")
    named = VideoIndex(source, index.container, index.stream, index.packets, "header", 0)
    wanted = Sampling.parse(sample).wanted(named)
    return video_work(named, wanted, DoneIntervals([]), CostModel())


def stops(made: LeaseOrder) -> list[Stop]:
    """List every place where a lease can be ended."""
    between = [Stop(number, 0) for number in range(1, len(made.shards))]
    within = [
        Stop(number, part)
        for number, shard in enumerate(made.shards)
        for part in range(len(shard.parts))
        if may_stop(shard, part)
    ]
    return between + within


def fed(shards: Iterable[ShardOrder]) -> list[tuple[str, NDArray[np.int64], NDArray[np.bool_]]]:
    """What is fed: the video, rows in the whole video, which of them are wanted."""
    return [
        (shard.source.uri, shard.rows[part.rows], part.wanted)
        for shard in shards
        for part in shard.parts
    ]


@given(st.lists(indexes(), min_size=1, max_size=3), SAMPLES)
def test_the_front_of_a_lease_is_fed_as_a_lease_of_its_own(
    videos: list[VideoIndex], sample: str
) -> None:
    """Wherever it is ended: the same packets, the same frames, the same name, none left out."""
    works = [work_of(index, number, sample) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    for lease in bundle(works, "job", 1, 1e9):
        made = order(lease, by_uri)
        for stop in stops(made):
            front = split(made, stop, "job")
            first, rest = split_at(lease, by_uri, "job", front.order.intervals)
            assert (front.order.lease, front.remainder.lease) == (first.id, rest.id)
            assert (front.remainder.gops, front.remainder.uri) == (
                rest.gops,
                rest.shards[0].source.uri,
            )
            assert first.gops + rest.gops == lease.gops
            assert first.frames + rest.frames == lease.frames
            assert front.order.video_s == pytest.approx(first.video_s)
            assert 0 <= front.remainder.cost_s <= lease.cost_s
            planned = order(first, by_uri)
            for ours, theirs in zip(fed(front.order.shards), fed(planned.shards), strict=True):
                assert ours[0] == theirs[0]
                assert ours[1].tolist() == theirs[1].tolist()
                assert ours[2].tolist() == theirs[2].tolist()


@given(st.lists(indexes(), min_size=1, max_size=3), st.data())
def test_a_lease_is_cut_in_two_at_any_gop(videos: list[VideoIndex], data: st.DataObject) -> None:
    """Front and rest are the whole, each GOP once, both named as leases are."""
    works = [work_of(index, number) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    (lease,) = bundle(works, "job", 1, 1e9)[-1:]
    if lease.gops < 2:
        return
    gops = data.draw(st.integers(1, lease.gops - 1))
    prefix = intervals_of(lease, by_uri, gops)
    first, rest = split_at(lease, by_uri, "job", prefix)
    assert first.gops == gops
    assert first.intervals == tuple(prefix)
    assert gops_of(first) + gops_of(rest) == gops_of(lease)
    assert all(piece.id == lease_id("job", piece.intervals) for piece in (first, rest))


def intervals_of(lease: Lease, works: dict[str, VideoWork], gops: int) -> list[Interval]:
    """Say what the first GOPs of a lease cover."""
    covered = []
    for shard in lease.shards:
        taken = min(gops, shard.gops)
        if taken:
            piece = works[shard.source.uri].shard(shard.first_gop, shard.first_gop + taken)
            covered.append(piece.interval)
        gops -= taken
    return covered


def gops_of(lease: Lease) -> list[tuple[str, int]]:
    """List what it covers."""
    return [
        (shard.source.uri, gop)
        for shard in lease.shards
        for gop in range(shard.first_gop, shard.last_gop)
    ]


@pytest.mark.parametrize(
    "front",
    [
        [],
        [("0.mp4", 0, 250)],
        [("0.mp4", 500, 1000)],
        [("1.mp4", 0, 500)],
        [("0.mp4", 0, 1401)],
        [("0.mp4", 0, 9000)],
    ],
    ids=["nothing", "within-a-gop", "the-middle", "another-video", "all", "more"],
)
def test_what_is_no_front_is_refused(front: list[tuple[str, int, int]]) -> None:
    """A lease is never cut but where a device has ended it."""
    work = work_of(index_of([(0, 4), (0, 4), (0, 4)]), 0)
    whole = work.shard(0, 3)
    lease = Lease(lease_id("job", [whole.interval]), (whole,))
    intervals = [Interval(uri, "etag", start, end) for uri, start, end in front]
    with pytest.raises(ValueError, match="does not begin with"):
        split_at(lease, {"0.mp4": work}, "job", intervals)
