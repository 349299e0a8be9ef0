"""`fleet chaos`: a worker and the driver killed, a store that fails; the rows are the same."""

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
    """Forty short leases."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(2):
        write(Clip(frames=400, gop=20, b_frames=2 * number), folder / f"{number}.mp4")
    return folder


PICTURES = """
from dataclasses import dataclass
from time import sleep
import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows

@dataclass(frozen=True)
class Pictures(FrameJob):
    table = "pictures"
    schema = pa.schema([("jpeg", pa.binary())])

    def run(self, opened, batch):
        sleep(0.01 * len(batch))
        jpegs = [opened.jpege.encode(picture, 85) for picture in batch.pictures]
        return Rows(np.arange(len(batch)), {"jpeg": jpegs})
"""
"""A job that has enough to do for some seconds, and costs little."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its job file."""
    home = tmp_path_factory.mktemp("job")
    (home / "pictures.py").write_text(PICTURES)
    (home / "pictures.toml").write_text('job = "pictures.py:Pictures"\n')
    return home / "pictures.toml"


def settings(clips: Path) -> list[str]:
    """Name the job's fields as the command takes them."""
    named = {"input": f'["{clips}"]', "sample": "all", "devices": "2", "lease_s": "0.5"}
    return [part for key, value in named.items() for part in ("--set", f"{key}={value}")]


def test_a_run_under_faults_gives_the_same_rows(
    clips: Path, pictures: Path, tmp_path: Path
) -> None:
    """A worker and the driver killed, one request in twenty failing, one put in ten torn."""
    # This seed strikes within the first half of the time that the undisturbed run took.
    faults = {"seed": 17, "kills": 1, "hangs": 0, "driver-deaths": 1, "torn": 0.1}
    command = ["chaos", str(pictures), "--output", str(tmp_path / "out")]
    command += [part for name, value in faults.items() for part in (f"--{name}", str(value))]
    result = CliRunner().invoke(app, [*command, *settings(clips)])
    assert result.exit_code == 0, result.output
    assert "kill the driver" in result.output
    assert "kill a worker" in result.output
    assert "frames: the same rows" in result.output
    assert "pictures: the same rows" in result.output


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
