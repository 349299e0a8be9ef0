"""Jobs whose own code fails on some frames, in one version after the other, and what they have made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from recorded import write_grays

import fleet
from fleet.core.run_events import LeaseDone, RunEvent, Warned
from fleet.table.table import Table

FRAMES = 40


CODE = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
import pyarrow as pa
from fleet import Device, FrameBatch, FrameJob, Rows

@dataclass(frozen=True)
class Version(FrameJob):
    """Which version of the code a frame was done by; it fails on some."""

    of: int = 1
    table: ClassVar[str] = "versions"
    schema: ClassVar[pa.Schema] = pa.schema([("version", pa.int32()){columns}])

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Fail, or return a row a frame."""
        for frame in batch.frames:
            if {fails}:
                raise KeyError(int(frame))
        every = np.arange(len(batch), dtype=np.int32)
        return Rows(every, {{"version": np.full(len(batch), {version}, np.int32){values}}})
'''


ON_SOME = "frame % 20 in {3, 17}"
"""Of the GOPs of 12 frames, all but the third one have such a frame."""
NEVER = "frame < 0"


class KilledError(Exception):
    """The process is gone."""


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no globs out: nobody reads meanwhile."""
    defaults = Table.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "pause_s", 0.0)


def writer_of_versions(tmp_path: Path) -> Callable[..., fleet.Job]:
    """Write a version of a job's code, and load the job; its archive is two videos."""
    archive = tmp_path / "in"
    archive.mkdir()
    for name in ("a", "b"):
        write_grays(archive / f"{name}.mp4")

    def load(
        version: int, fails: str, columns: str = "", values: str = "", of: int = 1
    ) -> fleet.Job:
        code = CODE.format(version=version, fails=fails, columns=columns, values=values)
        (tmp_path / "mine.py").write_text(code)
        fields = {"input": [str(archive)], "output": str(tmp_path / "out"), "lease_s": 0.05}
        (tmp_path / "mine.toml").write_text('job = "mine.py:Version"\n')
        return fleet.load_job(tmp_path / "mine.toml", {**fields, "params.of": of})

    return load


def versions(job: fleet.Job) -> dict[tuple[str, int], int]:
    """Return which version of the code did each frame; no frame is there twice."""
    rows = fleet.read(job.output).table("versions").to_table().to_pylist()
    found = {(Path(row["uri"]).stem, row["frame"]): row["version"] for row in rows}
    assert len(found) == len(rows)
    return found


def lost(job: fleet.Job) -> int:
    """Return how many frames errors/ says are lost."""
    rows = fleet.read(job.output).errors.to_table().to_pylist()
    return sum(row["frames"] for row in rows)


def proven(job: fleet.Job) -> bool:
    """Return whether all is there, once, and as it was put."""
    return Table.open(job.output).verify().proven


class Dying:
    """An observer that ends the run behind so many leases; it keeps what was told."""

    def __init__(self, leases: int = 1 << 30) -> None:
        self.said: list[str] = []
        self._left = leases

    def on_event(self, event: RunEvent) -> None:
        """Be told of something."""
        if isinstance(event, Warned):
            self.said.append(event.text)
        if isinstance(event, LeaseDone):
            self._left -= 1
            if self._left < 0:
                raise KilledError
