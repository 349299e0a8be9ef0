"""What the plan of a run keeps in memory once it is cut into leases."""

from __future__ import annotations

import gc
from pathlib import Path

from recorded import write_grays

import fleet
from fleet.core.run_events import LeaseDone, RunEvent
from fleet.driver.context import Plan

VIDEOS = 3
CODE = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
import pyarrow as pa
from fleet import Device, FrameBatch, FrameJob, Rows

@dataclass(frozen=True)
class Numbers(FrameJob):
    """The number of each frame."""

    table: ClassVar[str] = "numbers"
    schema: ClassVar[pa.Schema] = pa.schema([("number", pa.int64())])

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Return a row a frame."""
        return Rows(np.arange(len(batch), dtype=np.int32), {"number": batch.frames})
'''


class Counting:
    """An observer that counts the videos whose work plans hold, behind each lease."""

    def __init__(self) -> None:
        self.works: list[int] = []

    def on_event(self, event: RunEvent) -> None:
        """Be told of something."""
        if isinstance(event, LeaseDone):
            gc.collect()
            plans = [each for each in gc.get_objects() if type(each) is Plan]
            assert plans
            self.works.append(sum(len(plan.prepared.works) for plan in plans))


def test_what_is_cut_into_leases_stays_in_no_plan(tmp_path: Path) -> None:
    """Memory follows what is in hand; the leases let go of the videos that are done."""
    (tmp_path / "in").mkdir()
    for number in range(VIDEOS):
        write_grays(tmp_path / "in" / f"{number}.mp4")
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "mine.toml").write_text('job = "mine.py:Numbers"\n')
    fields = {"input": [str(tmp_path / "in")], "output": str(tmp_path / "out"), "lease_s": 0.05}
    counting = Counting()
    fleet.run(fleet.load_job(tmp_path / "mine.toml", fields), on="inline", observer=counting)
    assert len(counting.works) > VIDEOS
    assert not any(counting.works)
