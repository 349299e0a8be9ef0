"""A job of a user's own that fails: where, with one traceback, and the page that tells more."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import fleet_here
from generate import Clip, write

JOB = """
from dataclasses import dataclass
import pyarrow as pa
from fleet import FrameJob

@dataclass(frozen=True)
class Mine(FrameJob):
    table = "mine"
    schema = pa.schema([])

    def open(self, device):
        {opens}

    def run(self, opened, batch):
        {runs}
"""
PAGE = "See README.md, 'Write a job of your own'."


def fails(folder: Path, tracebacks: int, opens: str = "return 1", runs: str = "pass") -> str:
    """Run a job over a clip, and return what is printed; `opens`, `runs`: its code."""
    write(Clip(frames=3), folder / "clip.mp4")
    (folder / "mine.py").write_text(JOB.format(opens=opens, runs=runs))
    (folder / "mine.toml").write_text(
        'job = "mine.py:Mine"\ninput = ["clip.mp4"]\noutput = "out"\nsample = "all"\n'
    )
    how = ("--on", "inline")
    done = fleet_here("run", "mine.toml", *how, folder=folder, tracebacks=tracebacks)
    assert done.returncode == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("code", "line"), [({"runs": "return {}['no']"}, 15), ({"opens": "return {}['no']"}, 12)]
)
def test_one_traceback_begins_in_the_user_s_code(
    code: dict[str, str], line: int, tmp_path: Path
) -> None:
    """Of what calls it, and of how often it was tried, nothing is to be learnt."""
    said = fails(tmp_path, 1, **code)
    assert f"raised KeyError: 'no' ({tmp_path}/mine.py, line {line})" in said
    (after,) = said.split("Traceback (most recent call last):\n")[1:]
    assert after.startswith(f'  File "{tmp_path}/mine.py", line {line}')
    assert "/fleet/worker/" not in said


def test_what_run_has_to_return_is_said_without_a_traceback(tmp_path: Path) -> None:
    """No line of the user's raised anything."""
    said = fails(tmp_path, 0)
    assert "fleet: the job failed: The job's run returned None. Let it return Rows" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nimport nowhere\n", "No module named 'nowhere' ({file}, line 2)."),
        ("\n\nx = {}['no']\n", "KeyError: 'no' ({file}, line 3)."),
        ("\nx = (\n", "SyntaxError: '(' was never closed (mine.py, line 2)."),
    ],
    ids=["import", "value", "syntax"],
)
def test_a_module_that_does_not_load_says_in_which_line(
    text: str, says: str, tmp_path: Path
) -> None:
    """Once."""
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "mine.toml").write_text('job = "mine.py:Mine"\ninput = ["x"]\noutput = "o"\n')
    done = fleet_here("run", tmp_path / "mine.toml")
    assert done.returncode == 2
    assert says.format(file=tmp_path / "mine.py") in done.stderr


def test_a_job_that_fails_in_run_names_the_page_to_read(tmp_path: Path) -> None:
    """As the last line."""
    assert fails(tmp_path, 1, opens="return {}['no']").splitlines()[-1] == PAGE
