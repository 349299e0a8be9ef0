"""Runs that share an output: who does what, and what one hears of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_clock import HandClock
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of
from made_up import JOB, table_of
from run_peers import folder_of, run, watch

from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import DoneIntervals
from fleet.core.source import Source
from fleet.driver.peers import (
    Leadership,
    offered_leases,
    ordered_to_join,
    partition_peer_leases,
)
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.plan import bundle
from fleet.plan.shard import VideoWork, video_work
from fleet.table.state.run_records import RunRecords

NAMES = LeaseNames("job")


def work(
    uri: str, gops: int = 6, done: list[Interval] | None = None, etag: str = "v1"
) -> VideoWork:
    """Set out a video of some GOPs."""
    index = replace(index_of([(0, 4)] * gops), source=Source(uri, 9, etag))
    return video_work(index, np.ones(gops * 5, np.bool_), DoneIntervals(done or []), CostModel())


def intervals(leases: list[Lease]) -> list[Interval]:
    """List what leases cover."""
    return [interval for lease in leases for interval in lease.intervals]


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_who_joins_does_the_same_leases_from_the_other_end(
    theirs: int, mine: int, data: st.DataObject
) -> None:
    """Whatever the devices of both; what is committed by then is left out, nothing is cut anew."""
    works = [work("a"), work("b", 3), work("c", 1)]
    offered = bundle(works, NAMES, theirs, 0.05)
    done = data.draw(st.sets(st.sampled_from(range(len(offered)))))
    committed = DoneIntervals(intervals([offered[n] for n in done]))
    known = ordered_to_join(offered, "me", others=1)
    taken, own = partition_peer_leases(known, works, committed)
    assert taken == [lease for n, lease in enumerate(offered) if n not in done][::-1]
    assert bundle(own, NAMES, mine, 60) == []


@given(st.sets(st.uuids().map(str), min_size=1, max_size=6))
def test_runs_that_join_together_hardly_do_the_same(marks: set[str]) -> None:
    """All go at one pace, and hear of what is done as it is; only near the end they meet often."""
    leases = bundle([work(str(number)) for number in range(40)], NAMES, 1, 0.001)
    orders = [leases, *(ordered_to_join(leases, mark, len(marks)) for mark in sorted(marks))]
    done, times = set[str](), 0
    while len(done) < len(leases):
        begun = [next(lease.id for lease in order if lease.id not in done) for order in orders]
        done, times = done | set(begun), times + len(begun)
    assert times <= 1.2 * len(leases)


def test_what_only_one_of_them_has_is_its_own_work() -> None:
    """Another video, another version, a stretch that the others have not planned for."""
    offered = bundle([work("a"), work("b")], NAMES, 2, 0.05)
    mine = [work("b"), work("c"), work("a", etag="v2")]
    taken, own = partition_peer_leases(offered, mine, DoneIntervals([]))
    assert {i.uri for i in intervals(taken)} <= {"b"}
    assert {w.source.uri for w in own} == {"a", "c"}
    spans = [i for i in intervals([*taken, *bundle(own, NAMES, 1, 60)]) if i.uri != "b"]
    assert sum(i.end_pts - i.start_pts for i in spans) == 2 * (work("a").bounds[-1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_gop": -1},
        {"last_gop": 7},
        {"first_gop": 3, "last_gop": 3},
        {"interval": Interval("a", "v1", 0, 1)},
        {"interval": Interval("other", "v1", 0, 512 * 30)},
    ],
)
def test_a_lease_that_fits_no_video_is_not_taken(wrong: dict[str, Any]) -> None:
    """It was put there by mistake or in malice; what it stands for is this run's own work."""
    offered = bundle([work("a")], NAMES, 1, 60)[0]
    assert partition_peer_leases([offered], [work("a")], DoneIntervals([]))[0] == [offered]
    odd = replace(offered, shards=(replace(offered.shards[0], **wrong),))
    assert partition_peer_leases([odd], [work("a")], DoneIntervals([]))[0] == []


def test_a_lease_is_taken_by_its_own_name_alone() -> None:
    """Under another name its rows would not be those that the name stands for."""
    folder, clock = folder_of(), HandClock()
    table = table_of(folder, clock=clock)
    peer = run(folder, epoch=1)
    right = bundle([work("a")], LeaseNames(JOB.digest, 1), 1, 60)
    others = bundle([work("b")], LeaseNames(JOB.digest, 2), 1, 60)
    table.runs.put_leases(peer.id, [*right, *others, replace(right[0], id=others[0].id)])
    assert offered_leases(table, Leadership(table, clock), 1)[::-1] == right


def test_others_are_those_that_go_on() -> None:
    """Not this run, not those of another job or epoch, not those that ended."""
    folder, clock = folder_of(), HandClock()
    me, other = run(folder), run(folder, epoch=3)
    run(folder, state="left")
    run(folder, job="another")
    run(folder, epoch=2)
    peers = watch(folder, me, clock)
    assert len(peers.others()) == 2
    assert [record.id for record in peers.others(3)] == [other.id]


def test_a_run_that_falls_silent_is_no_longer_among_the_others() -> None:
    """As it was watched; whatever its clock says."""
    folder, clock = folder_of(), HandClock()
    me, dead, alive = run(folder), run(folder), run(folder)
    peers = watch(folder, me, clock)
    for beats in range(1, 9):
        assert {dead.id, alive.id} >= {record.id for record in peers.others()} >= {alive.id}
        clock.sleep(10)
        RunRecords(folder).put(replace(alive, beats=beats, updated_unix_s=1e12))
    assert [record.id for record in peers.others()] == [alive.id]
