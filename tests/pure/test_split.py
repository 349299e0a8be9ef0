"""Splitting a lease: its pieces are the whole, each GOP once, and named as leases are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes

from fleet.core.interval import LeaseNames
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.plan import bundle
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.plan.split import split
from fleet.video.index import VideoIndex
from fleet.video.sampling import EVERY_FRAME

NAMES = LeaseNames("job", 7)


def work_of(index: VideoIndex, number: int) -> VideoWork:
    """Set out the work of a video under a name of its own."""
    source = type(index.source)(f"{number}.mp4", index.source.bytes, "etag")
    named = VideoIndex(source, index.container, index.stream, index.packets, "header", 0)
    return video_work(named, EVERY_FRAME.wanted(named), DoneIntervals([]), CostModel())


def gops(lease: Lease) -> list[tuple[str, int]]:
    """List what it covers."""
    return [
        (shard.source.uri, gop)
        for shard in lease.shards
        for gop in range(shard.first_gop, shard.last_gop)
    ]


@given(st.lists(indexes(), min_size=1, max_size=5), st.integers(2, 6))
def test_pieces_are_the_whole(videos: list[VideoIndex], pieces: int) -> None:
    """In order, of about one size, however many videos share the lease."""
    works = [work_of(index, number) for number, index in enumerate(videos)]
    by_uri = {work.source.uri: work for work in works}
    for lease in bundle(works, NAMES, 1, 1e9):
        if lease.gops < pieces:
            with pytest.raises(ValueError, match="is not split"):
                split(lease, by_uri, NAMES, pieces)
            continue
        made = split(lease, by_uri, NAMES, pieces)
        assert [gop for piece in made for gop in gops(piece)] == gops(lease)
        assert max(piece.gops for piece in made) - min(piece.gops for piece in made) <= 1
        assert sum(piece.frames for piece in made) == lease.frames
        assert sum(piece.video_s for piece in made) == pytest.approx(lease.video_s)
        for piece in made:
            assert piece.id == NAMES(piece.intervals)


def test_a_single_gop_is_not_split() -> None:
    """There is nothing smaller that can be decoded by itself."""
    work = work_of(index_of([(0, 4)]), 0)
    (lease,) = bundle([work], NAMES, 1, 60)
    with pytest.raises(ValueError, match="of 1 GOPs is not split into 2"):
        split(lease, {work.source.uri: work}, NAMES, 2)
