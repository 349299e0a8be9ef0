"""A run whose output takes nothing for a while."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from generate import Clip, write

import fleet
from fleet import FrameBatch, FrameJob, Rows
from fleet.core.run_events import LeaseDone, LeaseFailed, OutputRefused, RunEvent
from fleet.executors import patient_pool
from fleet.table.state.success_name import SUCCESS_FILE


@dataclass(frozen=True)
class Breaking(FrameJob):
    """A job that turns a folder of its output into one that takes no files, in the middle of the run."""

    output: str

    table: ClassVar[str] = "numbers"
    schema: ClassVar[pa.Schema] = pa.schema([("number", pa.int64())])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Return the numbers of frames."""
        del opened
        frames, away = Path(self.output) / "frames", Path(self.output) / "away"
        if 30 in batch.frames and not away.exists():
            frames.rename(away)
            frames.symlink_to("/proc")
        return Rows(np.arange(len(batch), dtype=np.int32), {"number": batch.frames})


@dataclass(frozen=True)
class Counting(FrameJob):
    """A job that gives the numbers of frames."""

    table: ClassVar[str] = "numbers"
    schema: ClassVar[pa.Schema] = pa.schema([("number", pa.int64())])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Return the numbers of frames."""
        del opened
        return Rows(np.arange(len(batch), dtype=np.int32), {"number": batch.frames})


class Watching:
    """Notes what is said, and puts the output right once a refusal was."""

    def __init__(self, output: Path, *, mends: bool) -> None:
        self.said: list[OutputRefused] = []
        self.failed: list[LeaseFailed] = []
        self._output = output
        self._mends = mends

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, LeaseFailed):
            self.failed.append(event)
        if isinstance(event, OutputRefused):
            self.said.append(event)
            if event.waits and self._mends:
                (self._output / "frames").unlink()
                (self._output / "away").rename(self._output / "frames")
                (self._output / "away").touch()


def job_in(folder: Path) -> fleet.Job:
    """Return a job of six leases."""
    video = write(Clip(frames=60, gop=10), folder / "clip.mp4")
    output = folder / "out"
    return fleet.Job(Breaking(str(output)), inputs=[video], output=output, lease_s=0.1)


def test_a_run_goes_on_once_the_output_takes_something_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All frames are there, nothing is lost, no lease has failed; two lines say what happened."""
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.1)
    watching = Watching(tmp_path / "out", mends=True)
    report = fleet.run(job_in(tmp_path), on="inline", observer=watching)
    assert report.exit_code == 0
    assert [event.waits for event in watching.said] == [True, False]
    assert watching.failed == []
    read = fleet.read(report.output)
    assert sorted(read.table("numbers").to_table()["number"].to_pylist()) == list(range(60))
    assert read.errors.count_rows() == 0


def test_an_output_that_refuses_for_good_ends_the_run_with_nothing_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence says why; with the output put right, the same command does the rest."""
    monkeypatch.setattr(patient_pool, "GIVE_UP_S", 1.0)
    job, watching = job_in(tmp_path), Watching(tmp_path / "out", mends=False)
    with pytest.raises(fleet.errors.JobFailedError, match=r"is a link.* the same command"):
        fleet.run(job, on="inline", observer=watching)
    assert [event.waits for event in watching.said] == [True]
    (tmp_path / "out" / "frames").unlink()
    (tmp_path / "out" / "away").rename(tmp_path / "out" / "frames")
    (tmp_path / "out" / "away").touch()
    report = fleet.run(job, on="inline")
    assert report.exit_code == 0
    assert fleet.read(report.output).errors.count_rows() == 0
    assert fleet.read(report.output).frames.count_rows() == 60


class Blocking:
    """Has a folder lie where the file is to be that closes the output, once leases are done."""

    def __init__(self, closing: Path) -> None:
        self._closing = closing

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, LeaseDone):
            self._closing.mkdir(exist_ok=True)


def test_an_output_that_refuses_to_be_closed_says_that_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    """All leases are committed by then; once it takes what is put, the same command ends well."""
    video, output = write(Clip(frames=60, gop=10), tmp_path / "clip.mp4"), tmp_path / "out"
    job = fleet.Job(Counting(), inputs=[video], output=output, lease_s=0.1)
    closing = output / SUCCESS_FILE
    with pytest.raises(fleet.errors.StorageError, match="is kept, and the same command goes on"):
        fleet.run(job, on="inline", observer=Blocking(closing))
    closing.rmdir()
    report = fleet.run(job, on="inline")
    assert (report.exit_code, report.total.frames) == (0, 60)
