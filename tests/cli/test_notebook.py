"""The example notebook, cell by cell, and how values show themselves in one."""

from __future__ import annotations

import ast
import io
import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact import index_of
from PIL import Image
from recorded import HOSTILE, detections_output, record, write_grays

import fleet
from fleet.core.html_view import MOST_BOXES
from fleet.core.loss import LossReason
from fleet.core.receipt import Tally
from fleet.storage import Folder

NOTEBOOK = Path(__file__).parents[2] / "docs" / "example.ipynb"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does, and return its last expression, which it would show."""
    tree = ast.parse(source)
    last = tree.body[-1]
    body = tree.body[:-1] if isinstance(last, ast.Expr) else tree.body
    exec(compile(ast.Module(body, []), "cell", "exec"), names)  # noqa: S102 - our own notebook
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307 - likewise


def test_the_example_runs_cell_by_cell(
    fastestdet: Path, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten cells; the report, the tables and the fullest frame show themselves."""
    (tmp_path / "clips").mkdir()
    shutil.copy(town, tmp_path / "clips")
    shutil.copy(fastestdet, tmp_path / "detector.om")
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert len(cells) == 10
    assert not any(cell.get("outputs") for cell in cells)
    names: dict[str, Any] = {}
    shown = [run_cell("".join(c["source"]), names) for c in cells if c["cell_type"] == "code"]
    _, report, tables, labels, count, frame, videos = shown
    assert "Finished: " in report._repr_html_()
    assert "detections" in tables._repr_html_()
    assert dict(labels)["person"] > 0
    picture = Image.open(io.BytesIO(frame._repr_png_()))
    assert picture.width == 1920
    assert repr(frame).endswith(f"boxes: {count})")
    assert [video["status"] for video in videos] == ["done"]


def test_names_are_text_in_a_notebook(tmp_path: Path) -> None:
    """Of labels, reasons and places: no element comes of them."""
    out = detections_output(Folder(str(tmp_path / "<b>out")))
    record(out, index_of(write_grays(tmp_path / "gate.mp4")), {5: [(HOSTILE, 0.9)]})
    tally = Tally(rows=1, frames=1, by_label={HOSTILE: 1})
    loss = LossReason("vdec", HOSTILE, 1, 1, "gate.mp4", HOSTILE)
    report = fleet.RunReport(
        out.uri, "detections", "ab", tally, tally, 1.0, 1, "Ascend310", 1, 0, 1, 0, 0,
        interrupted=False, peak_rss_bytes=0, losses=(loss,), unreached={HOSTILE: HOSTILE},
    )  # fmt: skip
    for shown in (report._repr_html_(), fleet.read(out.uri)._repr_html_()):
        assert "<script" not in shown
        assert "<b>out" not in shown
    assert "&lt;script&gt;alert(1)" in report._repr_html_()


def test_detections_show_the_first_and_say_how_many_there_are() -> None:
    """Fifty of them; numbers as numbers, labels as text."""
    count = MOST_BOXES + 3
    found = fleet.Detections(
        np.zeros(count, np.int32),
        np.tile(np.array([[1, 2, 30.5, 40]], np.float32), (count, 1)),
        np.full(count, 0.75, np.float32),
        np.zeros(count, np.int32),
        (HOSTILE,),
    )
    shown = found._repr_html_()
    assert shown.count("<tr>") == 1 + MOST_BOXES
    assert "Detections: 53" in shown
    assert "and 3 more" in shown
    assert "30.5" in shown
    assert "<script" not in shown
    assert "more" not in replace(found.take(np.array([0])))._repr_html_()


@pytest.mark.parametrize("at", [1, 1.0, "1", Fraction(1)])
def test_a_frame_is_found_by_its_time(tmp_path: Path, at: float) -> None:
    """However the seconds are written; what is no number is refused."""
    out = detections_output(Folder(str(tmp_path / "out")))
    record(out, index_of(write_grays(tmp_path / "gate.mp4")), {10: [("person", 0.9)]})
    frame = fleet.frame(out.uri, "gate.mp4", at=at)
    assert repr(frame) == "Frame(frame 10 at 1.000 s; boxes: 1)"
    with pytest.raises(fleet.errors.UsageError, match="is no number of seconds"):
        fleet.frame(out.uri, "gate.mp4", at="soon")
