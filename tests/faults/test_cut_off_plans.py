"""Files that end before their headers say: the plan tells of them as the run does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import fleet_here
from generate import Clip, Container, cached
from submitted import TICKS

import fleet


@pytest.mark.parametrize("container", ["mp4-front", "mp4-fragmented", "avi"])
def test_a_plan_tells_of_a_file_that_is_cut_off_in_the_words_of_the_run(
    tmp_path: Path, container: Container
) -> None:
    """The first packet that is not there, and frames of which the run loses as many at least."""
    clip = Clip(container=container, frames=60)
    data = cached(clip, tmp_path).read_bytes()
    videos = tmp_path / "videos"
    videos.mkdir()
    video = videos / f"cut{clip.suffix}"
    video.write_bytes(data[: len(data) * 7 // 10])
    (videos / f"whole{clip.suffix}").write_bytes(data)
    (tmp_path / "ticks.py").write_text(TICKS)
    job = tmp_path / "ticks.toml"
    output = tmp_path / "out"
    job.write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{videos}"]\noutput = "{output}"\n[params]\nstep = 1\ndwell_s = 0\n'
    )
    told = fleet_here("plan", job)
    assert "1 cut off" in " ".join(told.stdout.split())
    assert "1 file is cut off: what is missing will be recorded as lost." in told.stdout
    (cut,) = json.loads(fleet_here("plan", job, "--json").stdout)["cut_off"]
    assert cut["uri"] == str(video)
    fleet_here("run", job, "--inline")
    errors = fleet.read(str(output)).errors.to_table().to_pylist()
    assert cut["reason"] in {error["message"] for error in errors}
    assert 0 < cut["frames"] <= sum(error["frames"] for error in errors)
    assert "cut off" not in fleet_here("plan", job).stdout
