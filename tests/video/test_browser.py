"""A JPEG of the job stills, opened as people open it: in a browser."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from browser import answer_of, browser, needed
from numpy.typing import NDArray
from PIL import Image

import fleet

JOBS = Path(__file__).parents[2] / "jobs"
SIDE = 224

SAMPLES = """
const image = document.querySelector("img");
const canvas = document.createElement("canvas");
canvas.width = image.naturalWidth;
canvas.height = image.naturalHeight;
let samples = [];
if (canvas.width) {
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  samples = context.getImageData(0, 0, canvas.width, canvas.height).data;
}
let text = "";
for (let at = 0; at < samples.length; at += 4096)
  text += String.fromCharCode(...samples.subarray(at, at + 4096));
return JSON.stringify({ width: canvas.width, height: canvas.height, samples: btoa(text) });
"""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    return needed(browser(), "Chromium")


def shown(program: str, jpeg: bytes, folder: Path) -> NDArray[np.uint8]:
    """The pixels that a browser shows of a file: u8 [height, width, 3]."""
    picture = f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
    found = json.loads(answer_of(program, picture, SAMPLES, folder))
    samples = np.frombuffer(base64.b64decode(found["samples"]), np.uint8)
    return samples.reshape(found["height"], found["width"], 4)[..., :3]


@pytest.mark.parametrize("full_range", [True, False])
def test_the_jpeg_of_a_still_opens_in_a_browser(
    tmp_path: Path, chromium: str, *, full_range: bool
) -> None:
    """It is 224 x 224 there, and looks as Pillow shows it."""
    y, x = np.mgrid[0:683, 0:1024]
    waves = 60 * (2 + np.sin(x / 9) * np.sin(y / 11))
    pixels = np.stack([x * 255 / 1024, waves, y * 255 / 683], -1).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "photo.jpg", quality=92)
    fields = {"input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
    params = {"devices": 1, "full_range": full_range}
    job = fleet.load_job(JOBS / "stills.toml", {**fields, **params})
    assert fleet.run(job, on="inline").exit_code == 0
    (row,) = fleet.read(str(tmp_path / "out")).table("stills").to_table().to_pylist()
    jpeg = tmp_path / "out" / row["jpeg"]
    found = shown(chromium, jpeg.read_bytes(), tmp_path)
    assert found.shape == (SIDE, SIDE, 3)
    with Image.open(jpeg) as opened:
        theirs = np.asarray(opened.convert("RGB"), np.int64)
    # Both are libjpeg; they may round, and spread chroma, in ways of their own.
    assert np.abs(found - theirs).mean() < 1


def test_a_broken_file_is_told_from_a_picture(tmp_path: Path, chromium: str) -> None:
    """What is no JPEG has no size there, so that the size of another one says something."""
    assert shown(chromium, b"\xff\xd8\xff no JPEG", tmp_path).shape == (0, 0, 3)
