"""The plan in windows: few of them, the first one small; their leases cover all, each GOP once."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of
from ledgers import assigned, ledger_of, summaries

from fleet.core.interval import LeaseNames
from fleet.core.run_events import DeviceJoined, Tick
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.plan import WorkAround, bundle
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.plan.windows import (
    FIRST_FILES,
    FIRST_S,
    MOST_FILES,
    Extent,
    is_window,
)
from fleet.scheduler.commands import Release, SplitLease, Truncate
from fleet.video.sampling import EVERY_FRAME

NAMES = LeaseNames("digest")


def windows_of(costs_s: list[float]) -> list[Extent]:
    """Return the windows in which files that cost so much are planned."""
    found, before, new = [], Extent(), Extent()
    for each_s in costs_s:
        new += Extent(1, each_s)
        if is_window(new, before):
            found.append(new)
            before, new = before + new, Extent()
    return [*found, new]


@given(st.lists(st.sampled_from([0.0, 0.01, 3.0, 900.0]), max_size=400))
def test_the_first_window_is_small_and_there_are_few(costs_s: list[float]) -> None:
    """The first lease waits for few files, or for one that is enough to begin with."""
    found = windows_of(costs_s)
    assert found[0].files <= FIRST_FILES
    assert found[0].cost_s < FIRST_S + 900
    files, cost = len(costs_s), sum(costs_s)
    assert sum(window.files for window in found) == files
    # Each is as much as half of the files, or all of the work, before it.
    more_files = 3 + sum(FIRST_FILES * 1.5**n < files for n in range(40))
    more_work = 1 + sum(FIRST_S * 2**n < cost for n in range(40))
    assert len(found) <= more_files + more_work


def test_a_window_of_a_large_archive_is_bounded() -> None:
    """A million names are a few hundred windows, none of more than so many files."""
    sizes = [window.files for window in windows_of([0.001] * 100_000)]
    assert max(sizes) == MOST_FILES
    assert len(sizes) < 50


def work(uri: str, gops: int, cost: float) -> VideoWork:
    """A video of GOPs of two frames, each of which costs so much."""
    index = index_of([(0, 1)] * gops, uri=uri)
    model = CostModel(0.0, 0.0, 0.0, 0.0, cost)
    return video_work(index, EVERY_FRAME.wanted(index), DoneIntervals([]), model)


def planned(windows: list[list[VideoWork]], devices: int, longest_s: float) -> list[Lease]:
    """Cut windows into leases, as a run does that knows what is to come."""
    leases: list[Lease] = []
    costs_s = [sum(work.todo_cost_s for work in works) for works in windows]
    for number, works in enumerate(windows):
        before_s, coming_s = sum(costs_s[:number]), sum(costs_s[number + 1 :])
        around = WorkAround(len(leases), before_s, coming_s)
        leases += bundle(works, NAMES, devices, longest_s, around)
    return leases


@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=4), min_size=1, max_size=5),
    st.integers(1, 4),
    st.sampled_from([0.3, 5.0, 60.0]),
)
def test_windows_cover_what_one_plan_covers(
    sizes: list[list[int]], devices: int, longest_s: float
) -> None:
    """Each GOP once, whatever the windows are, under names of its own."""
    windows = [
        [work(f"{number}-{place}", gops, 1.0) for place, gops in enumerate(window)]
        for number, window in enumerate(sizes)
    ]
    leases = planned(windows, devices, longest_s)
    gops = [
        (shard.source.uri, gop)
        for lease in leases
        for shard in lease.shards
        for gop in range(shard.first_gop, shard.last_gop)
    ]
    videos = [video for window in windows for video in window]
    assert sorted(gops) == sorted(
        (video.source.uri, gop) for video in videos for gop in range(len(video.todo))
    )
    assert len({lease.id for lease in leases}) == len(leases)
    if len(windows) == 1:
        assert leases == bundle(videos, NAMES, devices, longest_s)


def test_leases_get_short_at_the_end_of_all_windows_and_not_of_each() -> None:
    """The tail of a window is no tail while more is to come; only the first leases are short."""
    leases = planned([[work(str(n), 400, 0.5)] for n in range(4)], 2, 60.0)
    lengths_s = [lease.cost_s for lease in leases]
    assert lengths_s[0] <= 1.5
    long_s = [length for length in lengths_s[2:] if length > 2]
    # A window may end within a lease; all others get shorter from one to the next.
    rises = sum(after > before + 0.5 for before, after in pairwise(long_s))
    assert rises <= 3
    assert lengths_s[-1] < 0.2 * max(lengths_s)


def test_idle_devices_wait_while_leases_are_to_come_and_help_when_none_are() -> None:
    """Nothing is cut for balance before the last leases are there; then it is as ever."""
    ledger = ledger_of({"a": 30}, cost_s=1.0, coming_s=100.0)
    begun = ledger.handle(DeviceJoined("one"), 0.0) + ledger.handle(DeviceJoined("two"), 0.0)
    assert assigned(begun) == [("one", "a")]
    assert not ledger.handle(Tick(), 1.0)
    assert assigned(ledger.add(summaries({"b": 30}, 1.0), 50.0, 2.0)) == [("two", "b")]
    assert not ledger.finished
    ledger.handle(DeviceJoined("three"), 3.0)
    assert not ledger.handle(Tick(), 4.0)
    helped = ledger.add([], None, 5.0)
    assert any(isinstance(command, SplitLease | Truncate) for command in helped)


def test_no_device_goes_while_leases_are_to_come() -> None:
    """It would have to be started again for them; with the last ones there, who is idle goes."""
    ledger = ledger_of({}, coming_s=0.0)
    assert not ledger.load(2).is_sized
    for name in ("one", "two"):
        ledger.handle(DeviceJoined(name), 0.0)
    ledger.set_target(1)
    assert not ledger.handle(Tick(), 10_000.0)
    begun = ledger.add(summaries({"a": 1}, 1.0), None, 10_000.0)
    assert ledger.load(2).is_sized
    assert assigned(begun)
    gone = [*begun, *ledger.handle(Tick(), 10_001.0)]
    assert sum(isinstance(command, Release) for command in gone) == 1
