"""Failure has a grain: what goes wrong costs its own frames, whatever else shares the lease."""

from __future__ import annotations

from pathlib import Path

import pytest
from generate import Clip, write
from truth import probed

import fleet

JOBS = Path(__file__).parents[2] / "jobs"
PICKY = """
from dataclasses import dataclass
import pyarrow as pa
from fleet import FrameJob, Rows

@dataclass(frozen=True)
class Picky(FrameJob):
    table = "seen"
    schema = pa.schema([("n", pa.int32())])

    def run(self, opened, batch):
        if 2 in batch.frames and "bad" in batch.uri:
            raise KeyError("frame two")
        return Rows(batch.frames[:0].astype("i4"), {"n": []})
"""


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Four clips of 20 frames; one is called bad."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, name in enumerate(("a", "bad", "c", "d")):
        write(Clip(frames=20, gop=10, b_frames=number), folder / f"{name}.mp4")
    return folder


@pytest.mark.parametrize("devices", [1, 3])
def test_a_frame_that_a_job_cannot_do_with_costs_itself_on_any_number_of_devices(
    clips: Path, tmp_path: Path, devices: int
) -> None:
    """Frame 2 of one clip is lost, with the job's own words; a job may have no rows at all."""
    (tmp_path / "picky.py").write_text(PICKY)
    (tmp_path / "job.toml").write_text(
        f'job = "picky.py:Picky"\ninput = ["{clips}"]\noutput = "{tmp_path}/out"\n'
    )
    job = fleet.load_job(tmp_path / "job.toml", {"devices": devices, "lease_s": 0.05})
    report = fleet.run(job, on="inline")
    assert (report.exit_code, report.total.frames, report.total.lost_frames) == (3, 79, 1)
    (row,) = fleet.read(str(tmp_path / "out")).errors.to_table().to_pylist()
    assert (row["stage"], row["frames"], row["start_s"]) == ("job", 1, pytest.approx(2 / 25))
    assert "KeyError: 'frame two'" in row["message"]


def test_a_video_that_changes_between_runs_is_done_again(clips: Path, tmp_path: Path) -> None:
    """And its old rows are gone, while the other videos' stay."""
    settings = {"input": [str(clips)], "output": str(tmp_path / "out"), "sample": "all"}
    job = fleet.load_job(JOBS / "thumbnails.toml", {**settings, "width": 64, "devices": 1})
    assert fleet.run(job, on="inline").total.frames == 80
    write(Clip(frames=12, gop=6), clips / "bad.mp4")
    assert fleet.run(job, on="inline").total.frames == 72
    frames = fleet.read(str(tmp_path / "out")).frames.to_table().to_pandas()
    assert frames.groupby(frames.uri.astype(str)).size().tolist() == [20, 12, 20, 20]
    assert not frames.duplicated(["uri", "frame"]).any()


def test_a_picture_missing_before_a_key_costs_none_of_the_keys_gop(
    data_dir: Path, tmp_path: Path
) -> None:
    """But its leading pictures, which refer to the one that is missing; in a real open-GOP clip."""
    data = bytearray((data_dir / "town_h264_opengop.mkv").read_bytes())
    packets = probed(bytes(data)).packets
    key = packets.key.nonzero()[0][2]
    # The block before the key becomes a Void element: a picture that others refer to is gone.
    block = data.rfind(b"\xa3", 0, int(packets.position[key - 1]))
    data[block] = 0xEC
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mkv").write_bytes(data)
    settings = {"input": [str(tmp_path / "clips")], "output": str(tmp_path / "out")}
    whole = {**settings, "sample": "all", "width": 64, "devices": 1, "lease_s": 1000.0}
    report = fleet.run(fleet.load_job(JOBS / "thumbnails.toml", whole), on="inline")
    assert report.total.frames + report.total.lost_frames == len(packets) - 1
    losses = fleet.read(str(tmp_path / "out")).errors.to_table().to_pylist()
    assert losses
    assert max(loss["end_pts"] for loss in losses) <= packets.pts[key]
