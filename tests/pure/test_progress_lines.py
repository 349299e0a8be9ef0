"""How far a run is, in lines that people read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from progress_events import FAULT, PLAN, Story, at, done, folded, receipt_of, started

from fleet.core.fault import OUTPUT_STAGE
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    DevicesAwaited,
    DevicesShared,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    PlanGrew,
    RunEvent,
    RunStarted,
    VideoRefused,
)
from fleet.observe.snapshot import Snapshot
from fleet.views.jobs import JobSeen, Progress
from fleet.views.jobs import render as render_jobs
from fleet.views.progress_line import (
    counts_line,
    describe,
    devices_lines,
    opening,
    remark,
    troubles_line,
)


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


@pytest.mark.parametrize(("to_look", "lists_on"), [(0, False), (91, False), (91, True), (0, True)])
def test_a_share_is_of_what_is_planned_while_files_are_to_look_at(
    to_look: int, lists_on: bool
) -> None:
    """In the line of a run, and in the list of jobs."""
    is_part = bool(to_look or lists_on)
    line = describe(view(100.0, to_look=to_look, lists_on=lists_on))
    assert ("(1 % of what is planned so far), " in line) == is_part
    assert ("(1 %), " in line) == (not is_part)
    assert ("91 files to look at" in line) == bool(to_look)
    assert ("being listed, " in line) == lists_on
    assert ("about 4m left for what is listed so far" in line) == lists_on
    progress = Progress(1, 4, 2.0, None, to_look, lists_on)
    job = JobSeen("a", "running", "x.toml", "out", False, "", 0.0, None, None, progress)
    told = " ".join(render_jobs([job], 9.0).split())
    assert f"25 % of 4 frames{' planned so far' if is_part else ''}, 2" in told


def test_what_there_is_to_do_is_said_again_once_all_is_looked_at() -> None:
    """Not for each window that is planned in between."""
    part = replace(PLAN, leases=3, to_look=91)
    assert "3 leases so far, 91 files to look at -> " in opening(part)
    assert remark(PlanGrew(part)) == ""
    listing = replace(part, lists_on=True)
    assert "3 leases so far, 91 files to look at and more being listed -> " in opening(listing)
    assert remark(PlanGrew(replace(listing, to_look=0))) == ""
    assert remark(PlanGrew(PLAN)) == opening(PLAN)


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
    awaited = DevicesAwaited(opening=1, unplaced=5)
    assert describe(replace(view(0, left_s=None), awaited=awaited)) == (
        "2m40s of 3h12m video (1 %), 3 devices starting, 5 waiting for a node"
    )
    nowhere = replace(view(0, devices=0, left_s=None), awaited=DevicesAwaited(0, unplaced=2))
    assert describe(nowhere) == "2m40s of 3h12m video (1 %), 2 devices waiting for a node"


@pytest.mark.parametrize(
    "awaited", [DevicesAwaited(2, 0), DevicesAwaited(1, 1), DevicesAwaited(0, 2)]
)
def test_a_device_that_has_come_is_not_waited_for_too(awaited: DevicesAwaited) -> None:
    """Until the pool counts again, which takes seconds: two devices are never three."""
    state = folded([(0, PLAN), (1, awaited), (2, DeviceJoined("npu-0"))])
    now = state.snapshot(3)
    assert len(now.devices) + now.awaited.opening + now.awaited.unplaced == 2
    state = folded([(0, PLAN), (1, awaited), *((2, DeviceJoined(f"npu-{n}")) for n in range(3))])
    assert state.snapshot(3).awaited == DevicesAwaited(0, 0)


@pytest.mark.parametrize("late", [at("npu-0", "", 0), done("a"), DeviceDraining("npu-0", 9)])
def test_a_device_that_is_gone_does_not_come_back_by_what_is_heard_late(late: RunEvent) -> None:
    """What it said before it went; else two devices are three as soon as another one comes."""
    events: Story = [(0, PLAN), (1, DeviceJoined("npu-0")), (1, DeviceJoined("npu-1"))]
    events += [(2, DeviceLost("npu-0", "killed")), (2, late), (3, DeviceJoined("npu-2"))]
    assert [device.name for device in folded(events).snapshot(4).devices] == ["npu-1", "npu-2"]
    events.append((4, DeviceJoined("npu-0")))
    assert len(folded(events).snapshot(5).devices) == 3


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
        (LeaseFailed("npu-0", "0123456789", replace(FAULT, stage=OUTPUT_STAGE)), ""),
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


def test_a_share_of_a_cluster_is_told_once_for_all_its_devices() -> None:
    """And its end; a device that is given back has no line to itself, one that goes away has."""
    shared = DevicesShared(3, 8, 1.0, 4.0, 2)
    assert remark(shared) == "2 jobs share the cluster: 3 of 8 devices (weight 1 of 4) for this one"
    assert remark(DevicesShared(8, 8, 1.0, 1.0, 1)) == "no other job shares the cluster any more"
    assert remark(DeviceDraining("npu-0", 30, given_back=True)) == ""
    assert "its machine is drained" in remark(DeviceDraining("npu-0", 30))
    assert folded([(0, PLAN), (1, shared)]).snapshot(2).shared == shared
    alone: list[tuple[float, RunEvent]] = [
        (0, PLAN),
        (1, shared),
        (2, DevicesShared(8, 8, 1.0, 1.0, 1)),
    ]
    assert folded(alone).snapshot(3).shared is None


def test_seconds_of_devices_are_counted_from_when_each_joins_until_it_is_gone() -> None:
    """Whatever they do meanwhile."""
    events: list[tuple[float, RunEvent]] = [
        (0, PLAN),
        (1, DeviceJoined("a")),
        (3, DeviceJoined("b")),
        (6, DeviceLost("a", "done", Cause.RELEASED)),
    ]
    assert folded(events).snapshot(10).device_s == (6 - 1) + (10 - 3)
