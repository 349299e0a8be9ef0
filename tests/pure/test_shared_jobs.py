"""Jobs on simulated devices that they share: their shares, and how long a short one takes."""

from __future__ import annotations

import pytest
from shared_jobs import Job, share_devices

from fleet.core.lease_summary import LeaseSummary

HOUR_S = 3600.0


def job(name: str, weight: float, work_s: float, begins_s: float = 0.0, lease_s: float = 60) -> Job:
    """Return a job with so much work, in leases of a minute as they are planned."""
    count = max(1, round(work_s / lease_s))
    pieces = [LeaseSummary(f"{name}{n}", 12, lease_s, f"{name}{n // 50}") for n in range(count)]
    return Job(name, weight, begins_s, pieces)


@pytest.mark.parametrize("weights", [(3, 1), (1, 1), (1, 7), (5, 2)])
def test_two_jobs_share_eight_devices_by_weight(weights: tuple[int, int]) -> None:
    """Within a tenth, by seconds of devices in half an hour; the second one comes later."""
    first, second = job("a", weights[0], 100 * HOUR_S), job("b", weights[1], 100 * HOUR_S, 120)
    share_devices([first, second], 8, 2000)
    had = [each.devices_s(200, 2000) for each in (first, second)]
    assert had[0] / sum(had) == pytest.approx(weights[0] / sum(weights), rel=0.1)
    assert sum(had) >= 0.97 * 8 * 1800, "devices are not idle meanwhile"
    assert first.most_taken_back <= 8, "none goes to and fro"


def test_a_minute_beside_an_hour_is_done_within_three_minutes() -> None:
    """Though all devices were taken, and leases last a minute."""
    hour, minute = job("hour", 1, 8 * HOUR_S), job("minute", 1, 60, 600)
    share_devices([hour, minute], 8, 2000)
    assert minute.ended_s - minute.begins_s < 180
    assert hour.devices_s(800, 2000) >= 0.97 * 8 * 1200, "then it has them all again"


def test_what_a_job_cannot_use_is_used_by_the_other() -> None:
    """The heavy one has work for two devices only."""
    heavy, light = job("heavy", 9, 1000, lease_s=500), job("light", 1, 100 * HOUR_S)
    share_devices([heavy, light], 8, 600)
    assert heavy.ended_s < 600
    assert light.devices_s(60, 400) > 3 * 340


def test_three_jobs_take_turns_on_two_devices() -> None:
    """None is left without a device for long, and their times come out even."""
    jobs = [job(name, 1, 100 * HOUR_S) for name in "abc"]
    share_devices(jobs, 2, 3000)
    had = [each.devices_s(0, 3000) for each in jobs]
    assert min(had) > 0.75 * max(had), had
