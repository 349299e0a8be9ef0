"""A job that is at odds with batches: what it does frame by frame is told, as it costs time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

import fleet
from fleet import Device, FrameBatch, FrameJob, Rows
from fleet.views.summary import render


@dataclass(frozen=True)
class Picky(FrameJob):
    """One row a frame; of batches it takes those of `most` frames, and no frame of `never`."""

    most: int = 1
    never: int = -1

    table: ClassVar[str] = "picky"
    schema: ClassVar[pa.Schema] = pa.schema([("n", pa.int32())])

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Refuse, or count."""
        del opened
        if len(batch) > self.most or self.never in batch.frames:
            raise RuntimeError(f"{self.most} at a time")
        every = np.arange(len(batch), dtype=np.int32)
        return Rows(every, {"n": every})


@pytest.mark.parametrize(
    ("job", "alone", "lost"),
    [(Picky(), 40, 0), (Picky(most=100), 0, 0), (Picky(most=100, never=120), 0, 1)],
    ids=["refuses batches", "takes them", "refuses a frame"],
)
def test_frames_of_batches_that_a_job_refused_are_counted(
    job: Picky, alone: int, lost: int, town_hevc: Path, tmp_path: Path
) -> None:
    """With what it said and where; a frame that it refuses alone as well is a loss, and nothing else."""
    asked = fleet.Job(job, inputs=[town_hevc], output=tmp_path / "out", sample="every=10")
    report = fleet.run(asked, on="inline")
    assert (report.refused_batches.frames, report.total.lost_frames) == (alone, lost)
    told = " ".join(render(report).split())
    assert (f"one by one {alone} frames, whose batches the job refused" in told) == bool(alone)
    if alone:
        assert "1 at a time" in told
        assert "test_refused_batches.py, line" in told
