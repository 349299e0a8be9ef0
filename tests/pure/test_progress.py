"""How far a run is: folded from events, with the time passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.fault import Fault
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
from fleet.observe.progress import ProgressState, Snapshot
from fleet.observe.speed import Speed
from fleet.views.progress_line import (
    counts_line,
    describe,
    devices_lines,
    opening,
    remark,
    troubles_line,
)

PLAN = RunStarted("out", videos=3, video_s=1000, frames=25000, leases=10)
FAULT = Fault("vdec", 507, "BrokenVideo", "broken", retryable=False)


Story = list[tuple[float, RunEvent]]


def receipt_of(
    lease: str, frames: int = 2500, video_s: float = 100, device: str = "npu-0"
) -> Receipt:
    """Make a receipt with a row a frame."""
    return Receipt(lease, (), (), Tally(frames=frames, video_s=video_s, rows=frames), device)


def done(lease: str, device: str = "npu-0", frames: int = 2500) -> LeaseDone:
    """A lease of 100 s of video is committed."""
    return LeaseDone(device, lease, receipt_of(lease, frames, device=device))


def started(lease: str, device: str = "npu-0") -> LeaseStarted:
    """A lease of 100 s of video is handed out."""
    return LeaseStarted(device, lease, video_s=100, frames=2500)


def at(device: str, lease: str, frames: int) -> Progress:
    """Where a device stands, in frames since it started."""
    return Progress(device, lease, "in/town.mp4", frames, 0.0)


def folded(events: Sequence[tuple[float, RunEvent]]) -> ProgressState:
    """Fold events, each at its time."""
    state = ProgressState()
    for now_s, event in events:
        state.fold(event, now_s)
    return state


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


def test_speeds_are_those_of_the_last_seconds() -> None:
    """A device that stands still falls to 0; one that joins late is not averaged with its past."""
    events: Story = [
        (0, PLAN),
        (0, started("a")),
        (0, started("b", "npu-1")),
    ]
    for second in range(1, 101):
        events.append((second, at("npu-0", "a", 10 * min(second, 50))))
        events.append((second, at("npu-1", "b", 4 * second)))
    state = folded(events)
    slow, steady = state.snapshot(100).devices
    assert slow.frames_per_s == 0
    assert steady.frames_per_s == pytest.approx(4)
    assert state.snapshot(100).frames_per_s == pytest.approx(4)


def test_what_is_left_follows_from_the_last_minute() -> None:
    """1 s of video a second and 600 s left."""
    events: Story = [(0, PLAN), (10, started("a"))]
    events += [(10 + second, at("npu-0", "a", 25 * second)) for second in range(100)]
    events += [(110, done("a")), (110, started("b"))]
    events += [(110 + second, at("npu-0", "b", 2500 + 25 * second)) for second in range(100)]
    left_s = folded(events).snapshot(209).left_s
    assert left_s == pytest.approx(1000 - 199, rel=0.02)


def test_there_is_no_estimate_before_the_first_frames() -> None:
    """Rather than a wild one."""
    state = folded([(0, PLAN), (1, DeviceJoined("npu-0")), (2, started("a"))])
    assert state.snapshot(3).left_s is None


def test_what_was_there_before_is_no_speed() -> None:
    """A resumed run does not look as if it had just done it all."""
    plan = RunStarted("out", 3, 1000, 25000, 10, done_video_s=900, done_frames=22500, done_leases=9)
    refused = VideoRefused(Loss("x", "index", "NotAVideo", "no video"))
    events: Story = [
        (0, refused),
        (5, plan),
        (5, started("a")),
        (6, at("npu-0", "a", 0)),
        (7, at("npu-0", "a", 25)),
    ]
    events.append((9, at("npu-0", "a", 75)))
    assert folded(events).snapshot(9).left_s == pytest.approx(97)


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


def test_a_speed_spans_its_window() -> None:
    """Samples from before it are left out but for one."""
    speed = Speed(window_s=10)
    for second in range(30):
        speed.add(second, 100 if second < 15 else 100 + (second - 15) * 7)
    assert speed.per_s(29, 198) == pytest.approx(7)
    assert Speed(10).per_s(0, 5) == 0


def view(frames_per_s: float, devices: int = 2, **fields: float | None) -> Snapshot:
    """See a run at work."""
    values: dict[str, object] = {
        "elapsed_s": 10.0, "video_s": 160.0, "video_total_s": 11520.0, "frames": 4000,
        "frames_total": 288000, "leases": 2, "leases_total": 24, "frames_per_s": frames_per_s,
        "left_s": 250.0, "rows": 1, "losses": 0, "lost_frames": 0, "refused": 0,
        "devices_lost": 0, "ended": False,
    }  # fmt: skip
    state = folded([(0, DeviceJoined(f"npu-{n:02}")) for n in range(devices)])
    values["devices"] = state.snapshot(0).devices
    return Snapshot(**(values | fields))  # type: ignore[arg-type]


def test_frames_that_the_host_decoded_are_counted_apart() -> None:
    """Each lease once, though it is reported again; a line says how many, where there are any."""
    on_host = LeaseDone("npu-0", "a", replace(receipt_of("a"), host_frames=7))
    plain: list[tuple[float, RunEvent]] = [(0, PLAN), (1, started("b")), (2, done("b"))]
    assert "on the host" not in describe(folded(plain).snapshot(3))
    state = folded([*plain, (3, started("a")), (4, on_host), (5, on_host)])
    now = state.snapshot(6)
    assert (now.frames, now.host_frames) == (5000, 7)
    assert "7 frames decoded on the host" in describe(now)


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    """In units that people understand."""
    assert (
        describe(view(412)) == "2m40s of 3h12m video (1 %), 412 frames/s, 206/device, about 4m left"
    )
    assert describe(view(412, devices=1, losses=3, left_s=None)) == (
        "2m40s of 3h12m video (1 %), 412 frames/s, 3 errors"
    )
    assert describe(view(0, left_s=None)) == "2m40s of 3h12m video (1 %), 2 devices starting"


def test_counts_and_troubles_have_their_own_lines() -> None:
    """Troubles only where there are any."""
    assert counts_line(view(1)) == "4,000 of 288,000 frames, 2 of 24 leases, 1 row"
    assert troubles_line(view(1)) == ""
    assert troubles_line(view(1, lost_frames=12, refused=1, devices_lost=2)) == (
        "12 frames lost, 1 video refused, 2 devices lost"
    )


def test_of_many_devices_the_slowest_are_shown() -> None:
    """They are what a run waits for."""
    events: Story = [(0, PLAN)]
    for number in range(100):
        events += [(0, DeviceJoined(f"npu-{number:02}"))]
    for number in range(100):
        events += [(10, at(f"npu-{number:02}", "a", 10 * (100 - number)))]
    lines = devices_lines(folded(events).snapshot(10))
    assert [line[0] for line in lines] == [f"npu-{n}" for n in range(93, 100)] + ["93 faster"]
    assert lines[-1][1] == "8.0 to 100 frames/s"
    assert lines[0] == ("npu-93", "7.0 frames/s", "70 frames", "town.mp4")


def test_the_opening_says_what_is_to_be_done() -> None:
    """And what was done before."""
    assert opening(PLAN) == "3 videos, 16m40s: 25,000 frames in 10 leases -> out"
    plan = RunStarted("out", 1, 60, 1, 10, done_leases=9)
    assert opening(plan) == "1 video, 1m00s: 1 frame in 10 leases, 9 done before -> out"
    aside = replace(plan, left={"(AppleDouble)": 8, ".a\nb": 1})
    assert opening(aside).splitlines()[1:] == [
        r"left aside: 9 names that are no videos (AppleDouble 8, .a\nb 1)"
    ]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            VideoRefused(Loss("in/x.mp4", "index", "NotAVideo", "no video")),
            "refused in/x.mp4: no video",
        ),
        (DeviceLost("npu-1", "killed"), "lost npu-1: killed"),
        (DeviceDraining("npu-1", 29.6), "npu-1 goes away in 30s: its machine is drained"),
        (LeaseFailed("npu-0", "0123456789", FAULT), "lease 01234567 failed on npu-0: vdec: broken"),
        (
            LeaseQuarantined(Receipt("0123456789", (), (), Tally(lost_frames=9), "driver"), FAULT),
            "gave up lease 01234567, 9 frames lost: vdec: broken",
        ),
        (DeviceJoined("npu-0"), ""),
        (PLAN, ""),
    ],
)
def test_what_goes_wrong_is_told_at_once(event: RunEvent, text: str) -> None:
    """And only that."""
    assert remark(event) == text
