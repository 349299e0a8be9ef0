"""A job whose class stands in a script or in a cell of a notebook, not in a module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from generate import Clip, write

import fleet

CLASS = """
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import fleet

@dataclass(frozen=True)
class Mean(fleet.FrameJob):
    table = "means"
    schema = pa.schema([("mean", pa.float64())])

    def run(self, opened, batch):
        means = [picture.rgb().mean() for picture in batch.pictures]
        return fleet.Rows(np.arange(len(means), dtype=np.int32), {"mean": means})
"""
RUN = """
if __name__ == "__main__":
    job = fleet.Job(Mean(), inputs={video!r}, output={output!r}, sample="every=5", devices=1)
    print(fleet.run(job, on={on!r}).exit_code)
"""
# What IPython does with a cell: it has a name and lines that can be looked up, but no file.
CELLS = """
import linecache
for number, cell in enumerate({cells!r}):
    name = f"<cell {{number}}>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    exec(compile(cell, name, "exec"))
"""


def run(tmp_path: Path, code: str, *, as_file: bool) -> None:
    """Run code in a Python of its own, from a file or as a notebook would."""
    command = [sys.executable, "-c", code]
    if as_file:
        (tmp_path / "script.py").write_text(code)
        command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "0\n", done.stderr


@pytest.mark.parametrize("kind", ["script", "notebook"])
@pytest.mark.parametrize("on", ["inline", "processes", "ray"])
def test_it_runs_and_is_the_same_job_the_next_time(tmp_path: Path, kind: str, on: str) -> None:
    """Wherever its devices live; changed cells or lines around the class make it no other job."""
    video = write(Clip(frames=20), tmp_path / "clip.mp4")
    output = str(tmp_path / "out")
    end = RUN.format(video=str(video), output=output, on=on)
    if kind == "script":
        run(tmp_path, CLASS + end, as_file=True)
        run(tmp_path, f"{CLASS}\nOTHER = 1\n{end}".replace(repr(on), "'inline'"), as_file=True)
    else:
        run(tmp_path, CELLS.format(cells=[CLASS, end]), as_file=False)
        again = [f"OTHER = 1\n{CLASS}", end.replace(repr(on), "'inline'")]
        run(tmp_path, CELLS.format(cells=again), as_file=False)
    means = fleet.read(output).table("means").to_table().column("mean").to_pylist()
    assert len(means) == 4
    assert all(0 < mean < 255 for mean in means)
