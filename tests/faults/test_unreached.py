"""What cannot be read just now is not lost: the run says so, and the next one does it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from generate import Clip, write

import fleet
from fleet.core.run_events import LeaseDone, RunEvent, RunStarted
from fleet.errors import JobFailedError, StorageError, StorageRefusedError
from fleet.executors import patient_pool
from fleet.storage import Folder, Reader
from fleet.table.table import Table

JOBS = Path(__file__).parents[2] / "jobs"


class OnStart:
    """Does something as soon as the plan is made."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def on_event(self, event: RunEvent) -> None:
        """Act, once."""
        if isinstance(event, RunStarted):
            self._act()


class OnFirstLease:
    """Does something as soon as a lease is done."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act
        self._acted = False

    def on_event(self, event: RunEvent) -> None:
        """Act, once."""
        if isinstance(event, LeaseDone) and not self._acted:
            self._acted = True
            self._act()


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Four clips of 20 frames; one is called bad."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, name in enumerate(("a", "bad", "c", "d")):
        write(Clip(frames=20, gop=10, b_frames=number), folder / f"{name}.mp4")
    return folder


def job_of(clips: Path, output: Path, **more: object) -> fleet.Job:
    """Make thumbnails of all frames, all clips in one lease."""
    settings = {"input": [str(clips)], "output": str(output), "sample": "all"}
    return fleet.load_job(JOBS / "thumbnails.toml", {**settings, "width": 64, "devices": 1, **more})


def losses(output: Path) -> int:
    """How many rows errors/ has."""
    return int(fleet.read(str(output)).errors.count_rows())


def test_a_video_that_is_away_for_a_while_is_done_by_the_next_run(
    clips: Path, tmp_path: Path
) -> None:
    """All four share a lease: the three that are there come out whole at once, nothing is lost."""
    output, away = tmp_path / "out", tmp_path / "bad.mp4"
    job = job_of(clips, output)
    report = fleet.run(
        job, on="inline", observer=OnStart(lambda: shutil.move(clips / "bad.mp4", away))
    )
    assert (report.exit_code, report.total.frames, report.total.lost_frames) == (1, 60, 0)
    assert [Path(uri).name for uri in report.unreached] == ["bad.mp4"]
    assert "it is gone" in str(report.unreached)
    assert losses(output) == 0
    assert not fleet.read(str(output)).finished
    shutil.move(away, clips / "bad.mp4")
    again = fleet.run(job, on="inline")
    assert (again.exit_code, again.total.frames, again.this_run.frames) == (0, 80, 20)
    assert Table.open(str(output)).verify().proven


def test_a_video_that_cannot_be_read_while_indexes_are_made_leaves_the_output_open(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no refusal: nothing is recorded, and the same command does it the next time."""
    output = tmp_path / "out"
    read = Reader.read

    def fail(self: Reader, offset: int, length: int) -> bytes:
        if "bad" in self.source.uri:
            raise StorageError("the mount is away")
        return read(self, offset, length)

    with monkeypatch.context() as patched:
        patched.setattr(Reader, "read", fail)
        report = fleet.run(job_of(clips, output), on="inline")
    assert (report.exit_code, report.total.frames, report.refused_videos) == (1, 60, 0)
    assert losses(output) == 0
    assert fleet.run(job_of(clips, output), on="inline").total.frames == 80


def test_a_video_that_is_replaced_while_a_run_is_at_it_is_planned_anew(
    clips: Path, tmp_path: Path
) -> None:
    """The version that was planned is no more: the next run does the one that is there."""
    output, other = tmp_path / "out", tmp_path / "other.mp4"
    write(Clip(frames=12, gop=6), other)
    job = job_of(clips, output)
    swap = OnStart(lambda: shutil.copy(other, clips / "bad.mp4"))
    report = fleet.run(job, on="inline", observer=swap)
    assert (report.exit_code, report.total.frames) == (1, 60)
    assert losses(output) == 0
    again = fleet.run(job, on="inline")
    assert (again.exit_code, again.total.frames) == (0, 72)


@pytest.mark.parametrize("error", [StorageError("it is away"), StorageRefusedError("it is full")])
def test_an_output_that_cannot_be_written_ends_the_run_and_nothing_is_lost(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: StorageError
) -> None:
    """With one sentence; with room again, the same command goes on where it was."""
    output = tmp_path / "out"
    job = job_of(clips, output, lease_s=0.05)

    def refuse(*_: object) -> str | None:
        raise error

    monkeypatch.setattr(patient_pool, "GIVE_UP_S", 2.0)
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.5)
    fill = OnFirstLease(lambda: monkeypatch.setattr(Folder, "create", refuse))
    with pytest.raises(JobFailedError, match=error.message):
        fleet.run(job, on="inline", observer=fill)
    monkeypatch.undo()
    assert 0 < fleet.read(str(output)).frames.count_rows() < 80
    assert losses(output) == 0
    assert fleet.run(job, on="inline").exit_code == 0
    assert fleet.read(str(output)).frames.count_rows() == 80
