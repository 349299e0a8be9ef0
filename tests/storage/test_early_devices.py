"""Devices start while the plan is made: as many as the videos are surely for."""

from __future__ import annotations

from pathlib import Path

import pytest

import fleet
from fleet import Device, FrameBatch, FrameJob, Rows
from fleet.driver.context import Resources
from fleet.driver.observers import NullObserver
from fleet.driver.run import run_job
from fleet.executors.inline import InlinePool
from fleet.scheduler.autoscale import EARLY_BYTES, Limits, wanted_early
from fleet.video.sampling import Sampling


class Idle(FrameJob):
    """A job that never comes to a frame."""

    table = "idle"
    schema = fleet.DETECTIONS

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Look at a batch."""
        raise NotImplementedError


class AskedError(Exception):
    """Ends a run once it has asked for devices."""


class Asked(InlinePool):
    """Tells what it is asked for first, and is asked for nothing else."""

    def set_target(self, devices: int) -> None:
        """See Pool."""
        raise AskedError(devices)


@pytest.mark.parametrize(
    ("sample", "files", "deadline_s", "early"),
    [
        ("all", 1, None, 3),
        ("every=5", 1, None, 3),
        ("fps=2", 2, None, 4),
        ("keyframes", 1, None, 1),
        ("keyframes", 3, None, 3),
        ("fps=0.1", 1, None, 1),
        ("all,to_s=1", 1, None, 1),
        ("all", 1, 60.0, 1),
    ],
)
def test_a_long_video_is_begun_by_all_its_devices(
    tmp_path: Path, sample: str, files: int, deadline_s: float | None, early: int
) -> None:
    """Before the plan is made; one a file where little may be decoded, or a deadline decides."""
    for number in range(files):
        with (tmp_path / f"{number}.mp4").open("wb") as file:
            file.truncate(2 * EARLY_BYTES + 1)
    job = fleet.Job(Idle(), tmp_path, tmp_path / "out", sample)
    means = Resources(4, Asked, Limits(most=4, deadline_s=deadline_s))
    with pytest.raises(AskedError) as asked:
        run_job(job, means, NullObserver())
    assert asked.value.args == (early,)


def test_no_more_are_started_than_there_may_be() -> None:
    """However long the videos are; and one at least for each file that there is."""
    assert wanted_early(1, 10**15, 8) == 8
    assert wanted_early(1, 0, 8) == 1
    assert wanted_early(9, 0, 8) == 8


@pytest.mark.parametrize(
    ("sample", "dense"),
    [("all", True), ("every=25", True), ("every=26", False), ("fps=1", True), ("fps=0.9", False)],
)
def test_samples_that_decode_most_of_a_video_are_known(sample: str, dense: bool) -> None:
    """By themselves, whatever the GOPs of a video are; key frames and stretches are none."""
    assert Sampling.parse(sample).is_dense == dense
    assert not Sampling.parse(f"{sample},from_s=1").is_dense
    assert not Sampling.parse(f"{sample},first=1000").is_dense
