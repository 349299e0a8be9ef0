"""Ending a lease early: prefix and remainder are the whole, each GOP and each packet's use once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes
from numpy.typing import NDArray

from fleet.core.interval import Interval, LeaseNames
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, ShardOrder, order
from fleet.plan.partial import Stop, done_of, may_stop
from fleet.plan.plan import bundle
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.plan.split import split_off
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling

NAMES = LeaseNames("job", 7)
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
def test_the_prefix_of_a_lease_is_fed_as_a_lease_that_ends_there(
    videos: list[VideoIndex], sample: str
) -> None:
    """Wherever it is ended: the same packets, the same frames, the lease's name, none left out."""
    works = [work_of(index, number, sample) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    for lease in bundle(works, NAMES, 1, 1e9):
        made = order(lease, by_uri)
        for stop in stops(made):
            done = done_of(made, stop, ())
            first, remainder = split_off(lease, by_uri, NAMES, done.intervals)
            assert done.lease == first.id == lease.id
            assert remainder.id == NAMES(remainder.intervals) != lease.id
            assert first.gops + remainder.gops == lease.gops
            assert first.frames + remainder.frames == lease.frames
            assert first.cost_s + remainder.cost_s == pytest.approx(lease.cost_s)
            assert done.video_s == pytest.approx(first.video_s)
            planned = order(first, by_uri)
            assert done.intervals == planned.intervals
            for ours, theirs in zip(fed(done.shards), fed(planned.shards), strict=True):
                assert ours[0] == theirs[0]
                assert ours[1].tolist() == theirs[1].tolist()
                assert ours[2].tolist() == theirs[2].tolist()


@given(st.lists(indexes(), min_size=1, max_size=3), st.data())
def test_a_prefix_of_any_length_is_split_off(videos: list[VideoIndex], data: st.DataObject) -> None:
    """Both are the whole, each GOP once; the prefix keeps the name, the remainder gets its own."""
    works = [work_of(index, number) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    (lease,) = bundle(works, NAMES, 1, 1e9)[-1:]
    if lease.gops < 2:
        return
    gops = data.draw(st.integers(1, lease.gops - 1))
    front = intervals_of(lease, by_uri, gops)
    first, remainder = split_off(lease, by_uri, NAMES, front)
    assert first.gops == gops
    assert first.intervals == tuple(front)
    assert gops_of(first) + gops_of(remainder) == gops_of(lease)
    assert (first.id, remainder.id) == (lease.id, NAMES(remainder.intervals))
    assert lease.id != remainder.id


@given(st.lists(indexes(), min_size=1, max_size=3), st.data())
def test_any_gops_are_split_off(videos: list[VideoIndex], data: st.DataObject) -> None:
    """A video in the middle that could not be read, say: what was done is told from what was not."""
    works = [work_of(index, number) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    (lease,) = bundle(works, NAMES, 1, 1e9)[-1:]
    gops = gops_of(lease)
    marks = data.draw(st.lists(st.booleans(), min_size=len(gops), max_size=len(gops)))
    chosen = [gop for gop, mark in zip(gops, marks, strict=True) if mark]
    covered = [by_uri[uri].shard(gop, gop + 1).interval for uri, gop in chosen]
    if not 0 < len(chosen) < len(gops):
        with pytest.raises(ValueError, match="not some GOPs"):
            split_off(lease, by_uri, NAMES, covered)
        return
    done, remainder = split_off(lease, by_uri, NAMES, covered)
    assert gops_of(done) == chosen
    assert sorted(gops_of(done) + gops_of(remainder)) == sorted(gops)
    assert (done.id, remainder.id) == (lease.id, NAMES(remainder.intervals))


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


@given(st.lists(indexes(), min_size=2, max_size=4), st.data())
def test_a_lease_of_which_some_videos_could_not_be_read_is_cut_around_them(
    videos: list[VideoIndex], data: st.DataObject
) -> None:
    """What was read is fed as planned; the remainder is the rest, each GOP once."""
    works = [work_of(index, number) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    whole = Lease("whole", tuple(work.shard(0, len(work.bounds) - 1) for work in works))
    made = order(whole, by_uri)
    count = len(made.shards)
    unreached = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=count - 1))
    done = done_of(made, None, unreached)
    first, remainder = split_off(whole, by_uri, NAMES, done.intervals)
    read = [shard for number, shard in enumerate(made.shards) if number not in unreached]
    assert list(done.shards) == read
    assert first.intervals == tuple(shard.interval for shard in read)
    assert sorted(gops_of(first) + gops_of(remainder)) == sorted(gops_of(whole))
    assert first.id == whole.id != remainder.id


@pytest.mark.parametrize(
    "front",
    [
        [],
        [("0.mp4", 0, 250)],
        [("1.mp4", 0, 500)],
        [("0.mp4", 0, 1401)],
        [("0.mp4", 0, 9000)],
    ],
    ids=["nothing", "within-a-gop", "another-video", "all", "more"],
)
def test_what_is_not_some_of_a_lease_is_refused(front: list[tuple[str, int, int]]) -> None:
    """A lease is never divided but where a device has ended it, between two GOPs."""
    work = work_of(index_of([(0, 4), (0, 4), (0, 4)]), 0)
    whole = work.shard(0, 3)
    lease = Lease(NAMES([whole.interval]), (whole,))
    intervals = [Interval(uri, "etag", start, end) for uri, start, end in front]
    with pytest.raises(ValueError, match="not some GOPs"):
        split_off(lease, {"0.mp4": work}, NAMES, intervals)
