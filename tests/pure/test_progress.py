"""How far a run is: folded from events, with the time passed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from progress_events import FAULT, PLAN, Story, at, done, folded, receipt_of, started

from fleet.core.lease_summary import LeaseSummary
from fleet.core.loss import Loss
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    ELSEWHERE,
    BackupWasted,
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    DevicesShared,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseStarted,
    LeaseTruncated,
    RunEnded,
    RunEvent,
    RunStarted,
    VideoRefused,
)
from fleet.observe.progress import ProgressState
from fleet.views.progress_line import (
    counts_line,
    describe,
    devices_lines,
    remark,
    troubles_line,
)


def test_committed_leases_count_with_what_was_there_before() -> None:
    """In video time, frames, leases and rows."""
    plan = RunStarted("out", 3, 1000, 25000, 10, done_video_s=300, done_frames=7500, done_leases=3)
    now = folded([(0, plan), (1, started("a")), (9, done("a"))]).snapshot(9)
    assert (now.video_s, now.frames, now.leases, now.rows) == (400, 10000, 4, 2500)
    assert now.share == pytest.approx(0.4)


def test_a_lease_in_hand_counts_by_its_frames() -> None:
    """Long leases would look stuck otherwise."""
    state = folded(
        [(0, PLAN), (1, started("a")), (2, at("npu-0", "a", 0)), (6, at("npu-0", "a", 500))]
    )
    now = state.snapshot(6)
    assert (now.video_s, now.frames, now.leases) == (20, 500, 0)


def test_the_next_lease_begins_where_the_last_one_ended() -> None:
    """A worker tells its total since it started."""
    events: Story = [(0, PLAN), (1, started("a")), (2, at("npu-0", "a", 2400)), (3, done("a"))]
    events += [(3, started("b")), (4, at("npu-0", "b", 2600))]
    now = folded(events).snapshot(4)
    assert now.frames == 2500 + 200
    assert now.devices[0].frames == 2600


def test_a_lease_and_its_backup_count_once() -> None:
    """The one that is further; and the second commit counts nothing."""
    events: Story = [(0, PLAN), (1, started("a")), (1, started("a", "npu-1"))]
    events += [(2, at("npu-0", "a", 500)), (2, at("npu-1", "a", 700))]
    state = folded(events)
    assert state.snapshot(2).frames == 700
    for device in ("npu-1", "npu-0"):
        state.fold(done("a", device), 3)
    now = state.snapshot(3)
    assert (now.frames, now.leases, now.rows) == (2500, 1, 2500)


def test_a_shortened_lease_counts_by_its_front_and_its_rest_goes_on() -> None:
    """One more lease in all; the front is done, and the rest is another device's."""
    plan = RunStarted("out", 1, 100, 2500, 1)
    front = LeaseTruncated("npu-0", "a", receipt_of("front", 1000, 40), LeaseSummary("rest", 3))
    events: Story = [(0, plan), (1, started("a")), (2, at("npu-0", "a", 900)), (3, front)]
    now = folded(events).snapshot(3)
    assert (now.video_s, now.frames, now.leases, now.leases_total) == (40, 1000, 1, 2)
    assert (now.devices[0].lease, now.devices[0].state) == ("", "idle")
    events += [(4, LeaseStarted("npu-1", "rest", 60, 1500)), (5, front)]
    events += [(6, LeaseDone("npu-1", "rest", receipt_of("rest", 1500, 60)))]
    now = folded(events).snapshot(6)
    assert (now.video_s, now.frames, now.leases, now.leases_total) == (100, 2500, 2, 2)


def test_backups_and_what_they_waste_are_counted() -> None:
    """A backup that comes second gives back its lease and counts no frame."""
    events: Story = [(0, PLAN), (1, started("a"))]
    events += [(2, LeaseStarted("npu-1", "a", 100, 2500, backup=True)), (3, at("npu-1", "a", 50))]
    events += [(4, done("a")), (4, BackupWasted("npu-1", "a", 2.5))]
    now = folded(events).snapshot(4)
    assert (now.backups, now.wasted_s, now.leases, now.frames) == (1, 2.5, 1, 2500)
    assert [device.state for device in now.devices] == ["idle", "idle"]


def test_a_device_is_seen_with_its_node_state_lease_and_engines() -> None:
    """As far as events told; what its stages took is that of its last lease."""
    tally = Tally(frames=10, wall_s=4.0, host_s={"vdec": 3.0, "model": 0.5})
    events: Story = [(0, PLAN), (0, DeviceJoined("npu-0", "node-a")), (0, started("a"))]
    (device,) = folded(events).snapshot(1).devices
    assert (device.node, device.state, device.lease, device.busy) == ("node-a", "working", "a", {})
    events += [(5, LeaseDone("npu-0", "a", Receipt("a", (), (), tally, "npu-0")))]
    (device,) = folded(events).snapshot(5).devices
    assert (device.state, device.lease, device.busy) == ("idle", "", {"vdec": 0.75, "model": 0.125})
    events += [(6, DeviceDraining("npu-0", 30)), (6, started("b"))]
    (device,) = folded(events).snapshot(6).devices
    assert (device.state, device.lease) == ("draining", "b")


def test_a_device_that_was_let_go_is_not_lost() -> None:
    """Nothing was left for it to do."""
    events: Story = [(0, PLAN), (0, DeviceJoined("npu-0"))]
    released = DeviceLost("npu-0", "nothing is left to do", Cause.RELEASED)
    now = folded([*events, (1, released)]).snapshot(1)
    assert (now.devices, now.devices_lost) == ((), 0)
    assert remark(released) == ""


def test_what_another_run_did_counts_but_is_no_device() -> None:
    """It is in the output all the same."""
    now = folded([(0, PLAN), (1, started("a")), (2, done("a", ELSEWHERE))]).snapshot(2)
    assert (now.frames, now.leases) == (2500, 1)
    assert [(device.name, device.state) for device in now.devices] == [("npu-0", "idle")]


def test_a_lost_device_takes_its_uncommitted_work_along() -> None:
    """That work is done again."""
    events: Story = [
        (0, PLAN),
        (1, started("a")),
        (2, at("npu-0", "a", 500)),
        (3, DeviceLost("npu-0", "killed")),
    ]
    now = folded(events).snapshot(3)
    assert (now.frames, now.video_s, now.devices, now.devices_lost) == (0, 0, (), 1)


def test_a_failed_lease_counts_nothing() -> None:
    """Until it is done or given up."""
    state = folded([(0, PLAN), (1, started("a")), (2, at("npu-0", "a", 500))])
    state.fold(LeaseFailed("npu-0", "a", FAULT), 3)
    assert state.snapshot(3).frames == 0


def test_a_lease_that_was_given_up_is_behind_us() -> None:
    """Its video time will not come; its frames are lost."""
    tally = Tally(video_s=100, errors=1, lost_frames=2500)
    state = folded([(0, PLAN), (1, LeaseQuarantined(Receipt("a", (), (), tally, "driver"), FAULT))])
    now = state.snapshot(1)
    assert (now.video_s, now.frames, now.leases, now.losses, now.lost_frames) == (
        100,
        0,
        1,
        1,
        2500,
    )


def test_a_new_worker_of_the_same_name_counts_from_nothing() -> None:
    """Its total is below the last one told: nothing negative comes of it."""
    events: Story = [
        (0, PLAN),
        (1, started("a")),
        (2, at("npu-0", "a", 900)),
        (3, at("npu-0", "a", 100)),
    ]
    now = folded(events).snapshot(3)
    assert now.frames == 100
    assert now.devices[0].frames == 1000


NAMES = st.sampled_from(["a", "b", "c", ""])
DEVICES = st.sampled_from(["npu-0", "npu-1", "driver"])
SMALL = st.integers(0, 3000)
EVENTS = st.one_of(
    st.just(PLAN),
    st.builds(DeviceJoined, DEVICES, NAMES),
    st.builds(DeviceDraining, DEVICES, st.floats(-10, 1e4)),
    st.builds(DeviceLost, DEVICES, st.text(), st.sampled_from(Cause)),
    st.builds(LeaseStarted, DEVICES, NAMES, st.floats(0, 1e4), SMALL, st.booleans()),
    st.builds(BackupWasted, DEVICES, NAMES, st.floats(0, 1e4)),
    st.builds(
        LeaseTruncated,
        DEVICES,
        NAMES,
        st.builds(receipt_of, NAMES, SMALL, st.floats(0, 1e4)),
        st.builds(LeaseSummary, NAMES, SMALL),
    ),
    st.builds(Progress, DEVICES, NAMES, st.text(), SMALL, st.floats(0, 1e4)),
    st.builds(done, NAMES, DEVICES, SMALL),
    st.builds(LeaseFailed, DEVICES, NAMES, st.just(FAULT)),
    st.builds(
        LeaseQuarantined, st.builds(receipt_of, NAMES, SMALL, st.floats(0, 1e4)), st.just(FAULT)
    ),
    st.just(VideoRefused(Loss("x", "index", "NotAVideo", "no video"))),
    st.builds(RunEnded, st.booleans()),
    st.builds(DevicesShared, SMALL, SMALL, st.just(1.0), st.just(2.0), st.integers(1, 3)),
)


@given(st.lists(st.tuples(EVENTS, st.floats(0, 30)), max_size=40))
def test_any_order_of_events_makes_sense(steps: list[tuple[RunEvent, float]]) -> None:
    """Nothing raises, nothing is negative or beyond the whole, and it can be put into words."""
    state, now_s = ProgressState(), 0.0
    for event, wait_s in steps:
        now_s += wait_s
        state.fold(event, now_s)
        now = state.snapshot(now_s)
        assert now.left_s is None or now.left_s >= 0
        assert 0 <= now.video_s <= now.video_total_s
        assert 0 <= now.share <= 1
        assert now.frames_per_s >= 0
        assert all(device.frames >= 0 for device in now.devices)
        assert "video" in describe(now)
        assert "lease" in counts_line(now)
        assert isinstance(remark(event), str)
        assert isinstance(troubles_line(now), str)
        assert len(devices_lines(now)) == len(now.devices)


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_a_lease_counts_once_however_often_it_is_reported(leases: list[str]) -> None:
    """Backups, and workers that come back."""
    state = folded([(0, PLAN)])
    for lease in leases:
        state.fold(done(lease), 1)
    assert state.snapshot(1).leases == len(set(leases))
    assert state.snapshot(1).frames == 2500 * len(set(leases))
