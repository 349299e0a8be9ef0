"""jobs/stills.toml and jobs/frames.toml: what they put is what other decoders say."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from generate import Clip, cached
from numpy.typing import NDArray
from PIL import Image

import fleet
from fleet.ascend.surface import planes
from fleet.table.table import Table

JOBS = Path(__file__).parents[2] / "jobs"
SIDE = 224
LEAST_DB = 32


def run(name: str, source: Path, output: Path, **fields: Any) -> list[dict[str, Any]]:
    """Run a job with its buffers kept; its rows."""
    settings = {"input": str(source), "output": str(output), "devices": 1, "yuv": True, **fields}
    job = fleet.load_job(JOBS / f"{name}.toml", settings)
    assert fleet.run(job, on="inline").exit_code == 0
    assert Table.open(str(output)).verify().proven
    rows = fleet.read(str(output)).table(job.work.table).to_table().to_pylist()
    return sorted(rows, key=lambda row: (str(row["uri"]), int(row["frame"])))


def photo(width: int, height: int) -> Image.Image:
    """A picture with waves, ramps and a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(3).normal(0, 2, (height, width, 3))
    waves = 60 * (2 + np.sin(x / 9) * np.sin(y / 11))
    pixels = np.stack([x * 255 / width, waves, y * 255 / height], -1) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def psnr(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """How close two pictures are, in dB."""
    return float(10 * np.log10(255**2 / np.square(ours.astype(float) - theirs).mean()))


@pytest.mark.parametrize("soc", ["Ascend310", "Ascend310P3"])
def test_a_still_of_1024x683_as_its_documents_say(tmp_path: Path, soc: str) -> None:
    """1,056,768 bytes in memory, libjpeg's picture in them, and a JPEG that Pillow opens."""
    (tmp_path / "in").mkdir()
    photo(1024, 683).save(tmp_path / "in" / "photo.jpg", quality=92)
    (row,) = run("stills", tmp_path / "in", tmp_path / "out", soc=soc)
    assert (row["width"], row["height"]) == (1024, 683)
    assert (row["width_stride"], row["height_stride"]) == (1024, 688)
    buffer = (tmp_path / "out" / row["yuv"]).read_bytes()
    assert len(buffer) == 1_056_768
    luma = np.frombuffer(buffer, np.uint8)[: 1024 * 683].reshape(683, 1024)
    with Image.open(tmp_path / "in" / "photo.jpg") as opened:
        opened.draft("YCbCr", opened.size)
        theirs = np.asarray(opened)[..., 0]
        assert np.abs(luma.astype(int) - theirs).mean() < 1
    with Image.open(tmp_path / "out" / row["jpeg"]) as small:
        small.load()
        assert (small.format, small.size, small.mode) == ("JPEG", (SIDE, SIDE), "RGB")
        with Image.open(tmp_path / "in" / "photo.jpg") as opened:
            resized = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        assert psnr(np.asarray(small), np.asarray(resized)) > LEAST_DB


def test_the_first_ten_pictures_of_a_video(tmp_path: Path) -> None:
    """Each buffer holds PyAV's picture, bit for bit; each JPEG is of 224 x 224."""
    video = cached(Clip(frames=30), tmp_path)
    rows = run("frames", video, tmp_path / "out")
    assert [row["frame"] for row in rows] == list(range(10))
    with av.open(str(video)) as file:
        for row, frame in zip(rows, islice(file.decode(video=0), 10), strict=True):
            assert _picture(tmp_path / "out", row) == [p.tobytes() for p in planes(frame)]
            with Image.open(tmp_path / "out" / row["jpeg"]) as small:
                small.load()
                assert (small.format, small.size) == ("JPEG", (SIDE, SIDE))


def _picture(output: Path, row: dict[str, Any]) -> list[bytes]:
    """The planes of a stored NV12 buffer, without its padding."""
    width, height = row["width"], row["height"]
    ws, hs = row["width_stride"], row["height_stride"]
    buffer = np.frombuffer((output / row["yuv"]).read_bytes(), np.uint8).reshape(hs * 3 // 2, ws)
    chroma = buffer[hs : hs + height // 2, :width]
    return [each.tobytes() for each in (buffer[:height, :width], chroma[:, ::2], chroma[:, 1::2])]


def test_buffers_are_kept_on_request_alone(tmp_path: Path) -> None:
    """Without `yuv` there are JPEGs only."""
    photo(640, 480).save(tmp_path / "a.jpeg")
    (row,) = run("stills", tmp_path, tmp_path / "out", yuv=False)
    assert row["yuv"] is None
    assert io.BytesIO((tmp_path / "out" / row["jpeg"]).read_bytes()).read(3) == b"\xff\xd8\xff"
