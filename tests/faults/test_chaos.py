"""`fleet chaos`: workers and the driver killed, a store that fails; the rows are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from generate import Clip, write
from typer.testing import CliRunner

from fleet.chaos.run import compare
from fleet.cli import app

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough to do for some seconds, in many short leases."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(4):
        write(Clip(frames=2000, gop=20, b_frames=number % 3), folder / f"{number}.mp4")
    return folder


def settings(clips: Path) -> list[str]:
    """Name the job's fields as the command takes them."""
    named = {"input": f'["{clips}"]', "sample": "all", "devices": "2", "lease_s": "0.5"}
    return [part for key, value in named.items() for part in ("--set", f"{key}={value}")]


def test_a_run_under_faults_gives_the_same_rows(clips: Path, tmp_path: Path) -> None:
    """Two workers and the driver killed, one request in twenty failing, one put in ten torn."""
    # This seed strikes within the first third of the time that the undisturbed run took.
    faults = [
        "--seed",
        "18",
        "--kills",
        "2",
        "--hangs",
        "0",
        "--driver-deaths",
        "1",
        "--torn",
        "0.1",
    ]
    command = ["chaos", str(JOBS / "thumbnails.toml"), "--output", str(tmp_path / "out"), *faults]
    result = CliRunner().invoke(app, [*command, *settings(clips)])
    assert result.exit_code == 0, result.output
    assert "kill the driver" in result.output
    assert "kill a worker" in result.output
    assert "frames: the same rows" in result.output


def test_a_row_that_differs_is_noticed(tmp_path: Path) -> None:
    """The comparison itself: the output of a longer clip is not the same."""
    for name, frames in (("a", 20), ("b", 21)):
        (tmp_path / name).mkdir()
        write(Clip(frames=frames, gop=10), tmp_path / name / "clip.mp4")
        command = [
            "run",
            str(JOBS / "thumbnails.toml"),
            "--inline",
            "--input",
            str(tmp_path / name),
        ]
        CliRunner().invoke(app, [*command, "--output", str(tmp_path / f"out-{name}")])
    compared = compare(str(tmp_path / "out-a"), str(tmp_path / "out-b"))
    assert "frames" in compared.different
    assert compare(str(tmp_path / "out-a"), str(tmp_path / "out-a")).different == ()


def test_a_folder_that_is_not_empty_is_refused(clips: Path, tmp_path: Path) -> None:
    """Chaos needs outputs of its own."""
    (tmp_path / "something").write_text("here")
    command = ["chaos", str(JOBS / "thumbnails.toml"), "--output", str(tmp_path)]
    result = CliRunner().invoke(app, [*command, *settings(clips)])
    assert result.exit_code != 0
    assert "not empty" in str(result.exception)
