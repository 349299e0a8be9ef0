"""Leases: their sizes, their names, and that they cover exactly what is to be done."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes

from fleet.core.interval import Interval, LeaseNames, epoch_of
from fleet.plan.cost import CostModel, fed_rows
from fleet.plan.order import order
from fleet.plan.plan import LeaseSizes, bundle
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.video.decode_plan import plan_decode
from fleet.video.index import VideoIndex
from fleet.video.sampling import EVERY_FRAME, Sampling

NAMES = LeaseNames("job")


def work_of(
    index: VideoIndex, sample: Sampling = EVERY_FRAME, done: list[Interval] | None = None
) -> VideoWork:
    """Set out a video's work."""
    return video_work(index, sample.wanted(index), DoneIntervals(done or []), CostModel())


def long_video(gops: int = 400, uri: str = "long.mp4") -> VideoIndex:
    """Make a video of GOPs of 50 frames."""
    return index_of([(0, 49)] * gops, uri=uri)


def test_one_long_video_spreads_over_many_leases_longest_first_short_at_the_tail() -> None:
    """At least eight leases a device; after the first short ones they only get shorter."""
    leases = bundle([work_of(long_video())], NAMES, devices=2, longest_s=60)
    costs = [lease.cost_s for lease in leases]
    assert len(leases) >= 16
    assert all(cost <= 1.5 for cost in costs[:2])
    gop_s = costs[-1]
    assert all(a >= b - gop_s for a, b in pairwise(costs[2:]))
    assert costs[-1] < max(costs) / 4


@given(st.floats(0.1, 1e6), st.integers(1, 1000), st.floats(0, 1))
def test_no_lease_is_planned_too_short_for_the_commit_of_another(
    whole_s: float, devices: int, left: float
) -> None:
    """However little is left: half a second, and where there is little, a 24th of a device's all."""
    total_s = whole_s * devices
    sizes = LeaseSizes(total_s, devices, longest_s=60)
    assert sizes.next_s(devices, left * total_s) >= min(0.5, whole_s / 24) * 0.999


def test_a_stretch_of_many_bytes_is_expected_to_take_longer() -> None:
    """As a camera of a high bit rate, or a key frame among others: 80 ns a byte of H.264."""
    index = index_of([(0, 4), (0, 4)])
    span = index.packets.span.copy()
    span[int(index.cuts[1])] += 150_000
    heavy = replace(index, packets=replace(index.packets, span=span, size=span))
    light_s, heavy_s = work_of(heavy).costs.seconds.tolist()
    assert 0.010 < heavy_s - light_s < 0.015


def test_no_lease_is_much_longer_than_allowed() -> None:
    """60 seconds of a device's time, to within half a GOP."""
    leases = bundle([work_of(long_video(4000))], NAMES, devices=1, longest_s=20)
    assert max(lease.cost_s for lease in leases) <= 20.5


def test_many_short_videos_share_a_lease() -> None:
    """A thousand clips of one GOP do not make a thousand parts."""
    works = [work_of(index_of([(0, 4)], uri=f"{n:04}.mp4")) for n in range(1000)]
    leases = bundle(works, NAMES, devices=2, longest_s=60)
    assert len(leases) < 100
    assert sum(len(lease.shards) for lease in leases) == 1000


def test_videos_outside_the_window_cost_no_lease_each() -> None:
    """Nothing wanted of a thousand clips still has to be covered, in a few leases."""
    works = [
        work_of(index_of([(0, 4)], uri=f"{n:04}.mp4"), Sampling.parse("all,from_s=60"))
        for n in range(1000)
    ]
    leases = bundle(works, NAMES, devices=2, longest_s=60)
    assert len(leases) < 100
    assert sum(lease.frames for lease in leases) == 0


@given(
    st.lists(indexes(), min_size=1, max_size=4), st.integers(1, 5), st.floats(0.05, 2), st.data()
)
def test_leases_cover_what_is_to_be_done_exactly(
    videos: list[VideoIndex], devices: int, longest_s: float, data: st.DataObject
) -> None:
    """Every GOP that is not done lies in exactly one lease, whatever was done before."""
    works = []
    for number, index in enumerate(videos):
        source = type(index.source)(f"{number}.mp4", index.source.bytes, "etag")
        named = VideoIndex(source, index.container, index.stream, index.packets, "header", 0)
        gops = data.draw(st.sets(st.integers(0, len(named.cuts) - 1)))
        done = [
            Interval(source.uri, source.etag, int(named.bounds[g]), int(named.bounds[g + 1]))
            for g in gops
        ]
        work = work_of(named, done=done)
        assert set(np.flatnonzero(~work.todo).tolist()) == gops
        works.append(work)
    leases = bundle(works, NAMES, devices, longest_s)
    covered = [
        (shard.source.uri, gop)
        for lease in leases
        for shard in lease.shards
        for gop in range(shard.first_gop, shard.last_gop)
    ]
    to_do = [(w.source.uri, int(g)) for w in works for g in np.flatnonzero(w.todo)]
    assert sorted(covered) == sorted(to_do)
    assert sum(lease.frames for lease in leases) == sum(
        int(w.costs.frames[w.todo].sum()) for w in works
    )


def test_a_changed_video_is_to_be_done_again() -> None:
    """What was done of another version of the object does not count."""
    index = long_video(3)
    old = Interval(index.source.uri, "an older etag", 0, 10**9)
    assert work_of(index, done=[old]).todo.all()


def test_a_lease_is_named_by_what_it_covers_under_which_job() -> None:
    """Order does not matter; the job, the etag and every pts do."""
    one, two = Interval("a", "e", 0, 10), Interval("b", "e", 0, 10)
    assert NAMES([one, two]) == NAMES([two, one])
    others = [
        LeaseNames("other")([one, two]),
        NAMES([one]),
        NAMES([one, Interval("b", "e", 0, 11)]),
        NAMES([one, Interval("b", "f", 0, 10)]),
    ]
    assert len({NAMES([one, two]), *others}) == 5


@given(st.integers(1, 16**6 - 1))
def test_a_lease_is_named_by_the_epoch_that_it_was_planned_in(epoch: int) -> None:
    """It can be read back; and what it covers is named as before, so epoch 0 has the old names."""
    work = [Interval("a", "e", 0, 10)]
    name = LeaseNames("job", epoch)(work)
    assert epoch_of(name) == epoch
    assert len(name) == len(NAMES(work)) == 32
    assert name[6:] == NAMES(work)[6:]
    assert NAMES(work) == "dba3bc077c08fa0c6a2a29356e7e63a9"


def test_an_order_carries_only_the_packets_to_fetch() -> None:
    """One frame a second of a ten-GOP shard: half of each GOP at most, rows renumbered from 0."""
    work = work_of(long_video(10), Sampling.parse("fps=0.4"))
    lease = bundle([work], NAMES, devices=1, longest_s=60)[0]
    made = order(lease, {work.source.uri: work})
    shard = made.shards[0]
    assert len(shard.packets) == sum(len(part.rows) for part in shard.parts)
    assert np.concatenate([part.rows for part in shard.parts]).tolist() == list(
        range(len(shard.packets))
    )
    assert all(part.restart for part in shard.parts)
    wanted = [shard.frames[part.rows[part.wanted]].tolist() for part in shard.parts]
    assert [n for part in wanted for n in part] == [n for n in range(500) if n % 25 == 0][
        : len(wanted) * 2
    ]


@given(indexes(), st.data())
def test_the_cost_counts_the_packets_that_the_decode_plan_feeds(
    index: VideoIndex, data: st.DataObject
) -> None:
    """Found for all GOPs at once, row for row what `plan_decode` chooses."""
    frames = data.draw(st.sets(st.integers(0, len(index.order) - 1)))
    wanted = np.isin(np.arange(len(index.order)), list(frames))
    rows, gop = fed_rows(index, wanted)
    assert rows.tolist() == plan_decode(index, 0, len(index.cuts), wanted).rows.tolist()
    assert (index.cuts[gop] <= rows).all()
    costs = work_of(index).costs
    assert costs.packets.sum() == len(index.packets)
    assert costs.fetched.sum() == index.packets.span.sum()
