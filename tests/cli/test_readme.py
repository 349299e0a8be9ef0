"""The README's job, word for word: a stranger copies it, and it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import fleet_process
from generate import Clip, write
from layout_reading import above
from layouts import CANVAS, LAYOUTS, Chance
from networks import compiled

import fleet
from fleet.job.code import load_job_class
from fleet.job.heads import read_head
from fleet.models.card import read_card
from fleet.models.heads.own import decode

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a clip, the README's job and its file; the current one."""
    (tmp_path / "clips").mkdir()
    write(Clip(frames=60), tmp_path / "clips" / "clip.mp4")
    (tmp_path / "brightness.py").write_text(blocks("python")[0])
    (tmp_path / "brightness.toml").write_text(blocks("toml")[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_job_runs_as_it_stands_there(folder: Path) -> None:
    """By the README's first command for it; with a lower level, by its third."""
    assert fleet_process("run", "brightness.toml", "--on", "inline").returncode == 0
    more = ("--set", "level=50", "--output", "build/brighter", "--on", "inline")
    assert fleet_process("run", "brightness.toml", *more).returncode == 0
    tables = {name: fleet.read(str(folder / "build" / name)) for name in ("brightness", "brighter")}
    rows = {name: opened.table("brightness").to_table() for name, opened in tables.items()}
    assert rows["brightness"].num_rows <= rows["brighter"].num_rows == 3
    assert rows["brighter"].column_names == [
        "uri",
        "frame",
        "pts",
        "time_s",
        "time",
        "clock",
        "mean",
    ]


def test_the_script_runs_as_it_stands_there(folder: Path) -> None:
    """It imports the job, runs it inline, and reads its rows and errors."""
    command = [sys.executable, "-c", blocks("python")[3]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished: 1 video, 3 frames" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_job_with_a_model_is_a_job(tmp_path: Path) -> None:
    """With the imports of the first one and two more names of the API."""
    head = blocks("python")[0].partition("@dataclass")[0]
    more = "from fleet import CompiledModel, Network\n"
    (tmp_path / "crowd.py").write_text(f"{head}{more}{blocks('python')[1]}")
    assert load_job_class("crowd.py:Crowd", tmp_path).table == "crowd"


def test_the_head_is_one(tmp_path: Path) -> None:
    """Behind that job in its file: an export of its layout compiles for it, boxes as they are."""
    (tmp_path / "crowd.py").write_text("".join(blocks("python")[0:3:2]))
    name, own = read_head(f"{tmp_path}/crowd.py:mine")
    layout = next(layout for layout in LAYOUTS if layout.name == "YOLO26")
    om = compiled(layout.network(), head=name, heads=own, labels=layout.labels)
    assert read_card(om, "net.om").head == "mine"
    outputs = [*layout.make(Chance(0)).values()]
    (found,) = decode(own[name], outputs, CANVAS, 0.5, 1)
    expected = above(layout.read(layout.make(Chance(0))), 0.5)
    np.testing.assert_allclose(found.xyxy, expected[:, :4], rtol=1e-5)


def test_every_link_leads_somewhere() -> None:
    """Files that are there, and headings that are there."""
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings
        else:
            assert (ROOT / target).exists(), target
