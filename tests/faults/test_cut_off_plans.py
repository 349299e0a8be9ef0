"""Files that end before their headers say: the plan tells of them as the run does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import fleet_here
from exact import index_of
from generate import Clip, Container, cached
from submitted import TICKS

import fleet
from fleet.plan.cut_off import cut_off


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


def test_a_stream_that_lacks_a_picture_before_its_last_one_is_not_cut_off(tmp_path: Path) -> None:
    """The last one will be lost, as it refers to that, but nothing is missing behind it."""
    whole = cached(Clip(container="raw", frames=40, gop=40, b_frames=0), tmp_path)
    data, position = whole.read_bytes(), index_of(whole).packets.position
    video = tmp_path / f"lacks{whole.suffix}"
    video.write_bytes(data[: position[-2]] + data[position[-1] :])
    index = index_of(video)
    assert index.packets.size[-1] > index.packets.span[-1]
    wanted, todo = np.ones(len(index.order), np.bool_), np.ones(len(index.cuts), np.bool_)
    assert cut_off(index, wanted, todo) is None
