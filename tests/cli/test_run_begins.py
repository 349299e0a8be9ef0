"""What `fleet run` has begin while it loads a job, of which it knows little by then."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import fleet_here

from fleet.executors.processes.starts import ProcessStarts
from fleet.job.toml_text import packaged_job
from fleet.table.state.success_name import SUCCESS_FILE


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes were to begin, each time."""
    counts: list[int] = []
    monkeypatch.setattr(ProcessStarts, "begin", lambda _, devices: counts.append(devices))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return counts


@pytest.mark.parametrize(
    ("words", "devices"),
    [
        (["--devices", "1"], [1]),
        (["--devices", "7"], [2]),
        (["--set", "devices=1", "--on", "processes"], [1]),
        (["--inline"], [0]),
        (["--on", "ray"], [0]),
        (["--deadline", "2h"], [0]),
    ],
)
def test_processes_begin_where_the_command_line_says_that_there_will_be_some(
    words: list[str], devices: list[int], begun: list[int], tmp_path: Path
) -> None:
    """Before it turns out that there is no such model."""
    named = ("--model", tmp_path / "m.om", "--input", tmp_path, "--output", tmp_path / "out")
    done = fleet_here("run", *named, *words)
    assert (done.returncode, begun) == (2, devices)


def test_processes_begin_where_the_job_file_says_so(begun: list[int], tmp_path: Path) -> None:
    """What is given beside it counts more; where it is wrong, that is told as ever."""
    (tmp_path / "job.toml").write_text('job = "nowhere:Job"\non = "inline"\ndevices = 1\n')
    assert fleet_here("run", tmp_path / "job.toml").returncode == 2
    assert fleet_here("run", tmp_path / "job.toml", "--on", "processes").returncode == 2
    (tmp_path / "job.toml").write_text("job = ")
    assert fleet_here("run", tmp_path / "job.toml").returncode == 2
    assert begun == [0, 1]


def test_none_begins_for_an_output_that_is_whole(begun: list[int], tmp_path: Path) -> None:
    """The same command again mostly has nothing to do."""
    (tmp_path / SUCCESS_FILE).write_text("{}")
    fleet_here("run", "--model", tmp_path / "m.om", "--input", tmp_path, "--output", tmp_path)
    assert begun == []


def test_an_output_of_an_impossible_name_is_refused_as_ever(
    begun: list[int], tmp_path: Path
) -> None:
    """By who opens it, in a sentence."""
    words = ("--set", "width=160", "--input", tmp_path, "--output", tmp_path / ("a" * 300))
    done = fleet_here("run", packaged_job("thumbnails.toml"), *words)
    assert done.returncode in {1, 2}
    assert done.stderr.startswith("fleet: error: ")
    assert begun == []
