"""Reports of tables that are no detections, and of a job that is half done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from command import fleet_here
from exact import index_of
from recorded import HOSTILE, detections_output, record, write_grays
from scattered import Inside

import fleet
from fleet import Device, FrameBatch, FrameJob, Rows
from fleet.job.toml_text import packaged_job
from fleet.storage import Folder


@dataclass(frozen=True)
class Measured(FrameJob):
    """A user's own table: numbers, lists, texts, nulls, and names that are HTML."""

    table: ClassVar[str] = "measured"
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            ("<b>grey", pa.float32()),
            ("histogram", pa.list_(pa.int32())),
            ("said", pa.string()),
            ("score", pa.string()),
        ]
    )

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Return a row a frame."""
        del opened
        count = len(batch)
        columns: dict[str, Any] = {
            "<b>grey": np.array([p.rgb().mean() for p in batch.pictures], np.float32),
            "histogram": [[1, 2, 3]] * count,
            "said": [HOSTILE, None, "x" * 5000, ""][:count] + [""] * max(0, count - 4),
            "score": ["high"] * count,
        }
        return Rows(np.arange(count, dtype=np.int32), columns)


def report_of(output: str, to: Path) -> str:
    """Run the command, and read the page."""
    done = fleet_here("report", output, "--out", to)
    assert done.returncode == 0, done.stderr
    return to.read_text("utf-8")


def figures_of(html: str) -> list[str]:
    """The pictures, with what is said of each."""
    return re.findall(r"<figure data-labels=.*?</figure>", html, re.DOTALL)


@pytest.mark.parametrize("work", [Measured(), Inside()], ids=["a user's own", "inside boxes"])
def test_any_table_has_a_report_with_its_rows_and_pictures(tmp_path: Path, work: FrameJob) -> None:
    """As many rows as it has; of each frame the values of its columns, or its boxes."""
    clip = write_grays(tmp_path / "gate.mp4")
    job = fleet.Job(work, inputs=[clip], output=str(tmp_path / "out"), sample="every=10")
    assert fleet.run(job, on="inline").exit_code == 0
    html = report_of(str(tmp_path / "out"), tmp_path / "report.html")
    rows = fleet.read(str(tmp_path / "out")).table(work.table).count_rows()
    assert f'id="all-rows"><data value="{rows}">' in html
    figures = figures_of(html)
    assert len(figures) == 4
    assert all("data:image/jpeg" in figure for figure in figures)
    assert html.count("<script>") == 1
    assert "<b>grey" not in html
    if isinstance(work, Measured):
        assert sum("&lt;b&gt;grey" in figure and "histogram" in figure for figure in figures) == 4
        assert "Scores</h3>" not in html
        assert "x" * 400 not in html


def test_objects_beside_a_table_are_its_pictures(tmp_path: Path) -> None:
    """Of the job frames, whose rows name JPEGs."""
    clip = write_grays(tmp_path / "gate.mp4")
    fields = {"input": [str(clip)], "output": str(tmp_path / "out"), "sample": "every=10"}
    job = fleet.load_job(packaged_job("frames.toml"), {**fields, "devices": 1})
    assert fleet.run(job, on="inline").exit_code == 0
    html = report_of(str(tmp_path / "out"), tmp_path / "report.html")
    assert len(figures_of(html)) == 4
    assert "No picture" not in html


def test_a_job_that_goes_on_has_a_report_of_what_is_there(tmp_path: Path) -> None:
    """One of two videos is done: it says so, and shows that one; the page does not call it finished."""
    out = detections_output(Folder(str(tmp_path / "out")))
    record(out, index_of(write_grays(tmp_path / "gate.mp4")), {5: [("person", 0.9)], 10: []})
    before = report_of(out.uri, tmp_path / "report.html")
    assert len(figures_of(before)) == 2
    assert "Finished." not in before
    record(out, index_of(write_grays(tmp_path / "yard.mp4")), {5: [("person", 0.9), ("dog", 0.9)]})
    after = report_of(out.uri, tmp_path / "report.html")
    assert len(figures_of(after)) == 3
    assert 'id="all-rows"><data value="3">' in after
