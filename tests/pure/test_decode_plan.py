"""The decode plan over made-up packet tables: what is fed, what comes out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes

from fleet.video.decode_plan import DecodePlan, GopPart, coalesce, plan_decode
from fleet.video.index import VideoIndex


def shown(index: VideoIndex, plan: DecodePlan) -> list[int]:
    """Name the frame numbers that a plan emits, in presentation order within each part."""
    numbers = [index.frame_of_row[part.rows[part.wanted]].tolist() for part in plan.parts]
    return [number for part in numbers for number in part]


def booleans(index: VideoIndex, frames: set[int]) -> np.ndarray:
    """Mark frame numbers."""
    return np.isin(np.arange(len(index.order)), list(frames))


def test_a_gop_is_fed_up_to_its_last_wanted_frame() -> None:
    """Frame 2 of a GOP of nine needs its key, the P behind it in decode order, and itself."""
    index = index_of([(0, 8)])
    plan = plan_decode(index, 0, 1, booleans(index, {1}))
    assert plan.rows.tolist() == [0, 1, 2]
    assert shown(index, plan) == [1]


def test_a_gop_without_a_wanted_frame_is_not_touched() -> None:
    """Of three GOPs only the last one's key is fed."""
    index = index_of([(0, 4), (0, 4), (0, 4)])
    plan = plan_decode(index, 0, 3, booleans(index, {10}))
    assert plan.rows.tolist() == [10]


def test_leading_pictures_come_with_the_gop_before_in_one_run() -> None:
    """The frames shown before a key are decoded in a run that began at the key before."""
    index = index_of([(0, 4), (2, 4)])
    plan = plan_decode(index, 0, 1, booleans(index, {6}))
    assert [part.restart for part in plan.parts] == [True, False]
    assert plan.rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert shown(index, plan) == [6]


def test_a_shard_leaves_the_leading_pictures_of_its_first_key_to_the_shard_before() -> None:
    """They refer to pictures that this shard never had."""
    index = index_of([(0, 4), (2, 4)])
    plan = plan_decode(index, 1, 2, np.ones(len(index.order), np.bool_))
    assert shown(index, plan) == sorted(
        shown(index, plan), key=lambda n: index.frame_of_row.tolist().index(n)
    )
    assert set(shown(index, plan)) == {7, 8, 9, 10, 11}
    assert plan.parts[0].restart


@given(indexes(), st.data())
def test_any_cut_emits_each_wanted_frame_once(index: VideoIndex, data: st.DataObject) -> None:
    """However a video is cut into shards, the union of what they emit is what was wanted."""
    frames = len(index.order)
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=frames, max_size=frames)))
    gops = len(index.cuts)
    cuts = sorted({0, gops, *data.draw(st.lists(st.integers(0, gops), max_size=4))})
    emitted = [
        number
        for first, last in itertools.pairwise(cuts)
        for number in shown(index, plan_decode(index, first, last, wanted))
    ]
    assert sorted(emitted) == np.flatnonzero(wanted).tolist()


@given(indexes(), st.data())
def test_what_a_wanted_frame_refers_to_is_fed(index: VideoIndex, data: st.DataObject) -> None:
    """In each run every packet in front of a wanted one is fed, back to the key it began at.

    Only leading pictures of a key in between, or of the first key, may be missing: nothing behind
    their key refers to them.
    """
    wanted = booleans(index, {data.draw(st.integers(0, len(index.order) - 1))})
    plan = plan_decode(index, 0, len(index.cuts), wanted)
    fed = plan.rows.tolist()
    assert plan.parts[0].restart
    assert index.packets.key[fed[0]]
    needed = [
        row
        for row in range(fed[0], fed[-1] + 1)
        if index.gop_of_row[row] >= index.gop_of_row[fed[0]]
        and not _passed_over(index, row, fed[-1])
    ]
    assert fed == needed


@given(indexes(), st.data())
def test_keys_that_are_none_are_decoded_from_the_key_before(
    index: VideoIndex, data: st.DataObject
) -> None:
    """However a video is cut, each wanted frame comes once, with all that it may refer to."""
    gops = len(index.cuts)
    found = data.draw(st.lists(st.booleans(), min_size=gops - 1, max_size=gops - 1))
    entry = index.packets.entry.copy()
    entry[index.cuts] = [True, *found]
    mended = replace(index, packets=replace(index.packets, entry=entry))
    frames = len(index.order)
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=frames, max_size=frames)))
    cuts = sorted({0, gops, *data.draw(st.lists(st.integers(0, gops), max_size=4))})
    plans = [plan_decode(mended, a, b, wanted) for a, b in itertools.pairwise(cuts)]
    emitted = [number for plan in plans for number in shown(mended, plan)]
    assert sorted(emitted) == np.flatnonzero(wanted).tolist()
    for part, before in _parts_and_before(plans):
        key = int(part.rows[0])
        assert part.entry == entry[key]
        assert entry[key] or not part.restart
        if not part.entry:
            gop = int(index.gop_of_row[key])
            in_front = np.flatnonzero(index.gop_of_row == gop - 1)
            assert set(in_front[in_front < key]) <= set(before), "all of the GOP before was fed"
            assert set(range(key, int(part.rows[-1]) + 1)) == set(part.rows.tolist())


def _parts_and_before(plans: list[DecodePlan]) -> Iterator[tuple[GopPart, list[int]]]:
    """Yield each part, and the rows that were fed before it in its run."""
    for plan in plans:
        run: list[int] = []
        for part in plan.parts:
            run = [] if part.restart else run
            yield part, run
            run = [*run, *part.rows.tolist()]


def _passed_over(index: VideoIndex, row: int, last: int) -> bool:
    """Tell a leading picture whose own GOP goes on to a wanted trailing one."""
    gop = int(np.searchsorted(index.cuts, row, side="right")) - 1
    is_leading = index.gop_of_row[row] < gop
    last_is_leading = index.gop_of_row[last] < gop
    return bool(is_leading and not last_is_leading)


@given(indexes())
def test_gops_partition_the_frames_by_pts(index: VideoIndex) -> None:
    """Each frame's pts lies within the bounds of the GOP that owns it, and of no other."""
    pts = index.packets.pts
    owner = np.searchsorted(index.bounds, pts, side="right") - 1
    assert np.array_equal(owner, index.gop_of_row)
    assert (np.diff(index.bounds) > 0).all()


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 400)), max_size=30),
    st.integers(0, 500),
    st.integers(1, 3000),
)
def test_coalesced_ranges_hold_every_packet_in_feed_order(
    packets: list[tuple[int, int]], gap: int, limit: int
) -> None:
    """Walking the ranges once, each packet is found in the range at hand or a later one."""
    count = len(packets)
    positions = np.array([position for position, _ in packets], np.int64)
    spans = np.array([span for _, span in packets], np.int32)
    base = index_of([(0, max(0, count - 1))]).packets.take(np.arange(count))
    table = replace(base, position=positions, span=spans, size=spans)
    ranges = iter(coalesce(table, np.arange(count), gap, limit))
    current = next(ranges, None)
    for position, span in packets:
        while current is not None and not (
            current.position <= position and position + span <= current.end
        ):
            current = next(ranges, None)
        assert current is not None
