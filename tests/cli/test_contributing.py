"""CONTRIBUTING.md's job, word for word: its test passes, and it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import fleet_process
from generate import Clip, write

import fleet

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")
FILE = re.compile(r"^`(\w+\.\w+)`[^\n]*:\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the recipe, under the names that it gives them; the current folder."""
    for name, text in FILE.findall(TEXT):
        (tmp_path / name).write_text(text)
    (tmp_path / "videos").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_recipe_has_three_files(folder: Path) -> None:
    """The job, its file and its test."""
    names = {path.name for path in folder.iterdir() if path.is_file()}
    assert names == {"sharpness.py", "sharpness.toml", "test_sharpness.py"}


def test_its_test_passes(folder: Path) -> None:
    """In a process of pytest, as a reader runs it."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sharpness.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_its_job_file_runs(folder: Path) -> None:
    """Over a video in the folder that it names."""
    write(Clip(frames=60), folder / "videos" / "clip.mp4")
    assert fleet_process("run", "sharpness.toml", "--on", "inline").returncode == 0
    rows = fleet.read(str(folder / "build/sharpness")).table("sharpness").to_table()
    assert rows.num_rows == 3
    assert rows.column_names == ["uri", "frame", "pts", "time_s", "time", "clock", "sharpness"]
