"""How fast a run is, and how long it will take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from progress_events import PLAN, Story, at, done, folded, started

from fleet.core.loss import Loss
from fleet.core.run_events import (
    DeviceJoined,
    PlanGrew,
    RunStarted,
    VideoRefused,
)
from fleet.observe.speed import Speed


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


def test_what_later_windows_find_done_is_no_speed() -> None:
    """A resumed run learns window by window what was done before it; it did none of that."""
    plan = RunStarted("out", 2, 1000, 25000, 10, done_video_s=900, looked_at=1, to_look=1)
    more = replace(plan, video_s=2000, done_video_s=1800, looked_at=2, to_look=0)
    events: Story = [(5, plan), (5, started("a")), (6, at("npu-0", "a", 0))]
    events += [(7, at("npu-0", "a", 25)), (8, PlanGrew(more)), (9, at("npu-0", "a", 75))]
    now = folded(events).snapshot(9)
    assert now.video_s == 1803
    assert now.left_s == pytest.approx(197)


def test_files_to_look_at_are_taken_to_be_done_as_far_as_the_others() -> None:
    """Of 9 files 900 of 1000 s of each are done: so 100 s of the tenth are left, not 1000."""
    plan = RunStarted("out", 9, 9000, 225000, 90, done_video_s=8100, looked_at=9, to_look=1)
    events: Story = [(5, plan), (5, started("a")), (6, at("npu-0", "a", 0))]
    events += [(7, at("npu-0", "a", 25)), (9, at("npu-0", "a", 75))]
    assert folded(events).snapshot(9).left_s == pytest.approx(897 + 100)


@pytest.mark.parametrize("looked_at", [0, 5])
def test_nothing_is_said_to_be_left_only_when_all_is_looked_at(looked_at: int) -> None:
    """All that is planned may be done while files are to look at."""
    plan = RunStarted("out", 5, 500, 1, 1, done_video_s=500, looked_at=looked_at, to_look=2)
    assert folded([(0, plan)]).snapshot(9).left_s is None
    listed = PlanGrew(replace(plan, to_look=0, lists_on=True))
    assert folded([(0, plan), (1, listed)]).snapshot(9).left_s is None
    whole = PlanGrew(replace(plan, to_look=0))
    assert folded([(0, plan), (1, whole)]).snapshot(9).left_s == 0


def test_a_speed_spans_its_window() -> None:
    """Samples from before it are left out but for one."""
    speed = Speed(window_s=10)
    for second in range(30):
        speed.add(second, 100 if second < 15 else 100 + (second - 15) * 7)
    assert speed.per_s(29, 198) == pytest.approx(7)
    assert Speed(10).per_s(0, 5) == 0
