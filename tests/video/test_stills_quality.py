"""How close a still comes to Pillow's resize of the same picture, and what keeps it from closer.

VPC's bilinear filter is Pillow's, over the even part of the picture: on the 310 a side of 683 is
cut to 682, and a last row more or less shifts hard edges by a third of a pixel (34.9 in place of
44.5 dB for grey squares). Luma comes out at 41 to 47 dB of Pillow's, grey pictures before JPEGE at
58. A JPEG of JPEGE is 4:2:0, so that 112 x 112 samples carry its colours: hard edges between
colours cannot survive that, and Pillow's own resize, written as 4:2:0 by Pillow at the quality of
the job's level, is as far from itself (26.1 dB for squares of 40 pixels, where the still has 26.2).
Real pictures, and made-up ones without such edges, have 36 dB and more.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import fleet

JOBS = Path(__file__).parents[2] / "jobs"
WIDTH, HEIGHT, SIDE = 1024, 683, 224
LEVEL = 85
LEAST_DB, LEAST_LUMA_DB = 32, 40
CLOSE_DB = 1
"""How far below Pillow's own 4:2:0 a still may be, whose quantiser is another encoder's."""


def squares(side: int, colours: int, seed: int) -> Image.Image:
    """Squares of chance colours (3) or greys (1), which begin at any place."""
    shape = (HEIGHT // side + 2, WIDTH // side + 2, colours)
    values = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    whole = np.kron(values, np.ones((side, side, 1), np.uint8)).repeat(3 // colours, axis=2)
    return Image.fromarray(whole[seed : seed + HEIGHT, seed * 2 : seed * 2 + WIDTH].copy())


def waves(seed: int) -> Image.Image:
    """Ramps and waves with some noise, and no hard edge."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(seed).normal(0, 2, (HEIGHT, WIDTH, 3))
    ripples = 60 * (2 + np.sin(x / (9 + seed)) * np.sin(y / 11))
    pixels = np.stack([x * 255 / WIDTH, ripples, y * 255 / HEIGHT], -1) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def db(ours: Any, theirs: Any) -> float:
    """How close two pictures are."""
    return float(10 * np.log10(255**2 / np.square(np.asarray(ours, float) - theirs).mean()))


def luma(picture: Image.Image) -> NDArray[np.float64]:
    """Its Y as a JPEG has it."""
    return np.asarray(picture.convert("YCbCr"), float)[..., 0]


def stills(pictures: dict[str, Image.Image], folder: Path) -> dict[str, tuple[Any, Any]]:
    """Run the job over pictures: by name the still, and Pillow's resize of the same file."""
    (folder / "in").mkdir()
    for name, picture in pictures.items():
        picture.save(folder / "in" / f"{name}.jpg", quality=92)
    settings = {"input": str(folder / "in"), "output": str(folder / "out"), "devices": 1}
    job = fleet.load_job(JOBS / "stills.toml", {**settings, "level": LEVEL})
    assert fleet.run(job, on="inline").exit_code == 0
    found = {}
    for row in fleet.read(str(folder / "out")).table("stills").to_table().to_pylist():
        name = Path(row["uri"]).stem
        still = Image.open(folder / "out" / row["jpeg"]).convert("RGB")
        file = Image.open(folder / "in" / f"{name}.jpg").convert("RGB")
        even = file.crop((0, 0, WIDTH, HEIGHT // 2 * 2))
        found[name] = still, even.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    assert found.keys() == pictures.keys()
    return found


def most_of_420(picture: Image.Image) -> float:
    """How close a picture stays to itself, written as a JPEG of 4:2:0 by Pillow."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=LEVEL, subsampling="4:2:0")
    return db(Image.open(file).convert("RGB"), picture)


@pytest.mark.parametrize("seed", range(2))
def test_a_still_is_as_close_to_pillows_as_420_lets_it_be(tmp_path: Path, seed: int) -> None:
    """32 dB, or what Pillow's own resize keeps as a 4:2:0 JPEG; its luma is close in any case."""
    made = {
        f"{side}-{colours}": squares(side, colours, seed)
        for side in (16, 24, 40, 64, 150)
        for colours in (1, 3)
    }
    for name, (still, theirs) in stills({**made, "waves": waves(seed)}, tmp_path).items():
        most = most_of_420(theirs)
        assert db(still, theirs) > min(LEAST_DB, most - CLOSE_DB), (name, most)
        assert db(luma(still), luma(theirs)) > LEAST_LUMA_DB, name
        if name == "waves" or name.endswith("-1"):
            assert db(still, theirs) > LEAST_DB, name


def test_a_still_of_a_real_picture_has_32_db(tmp_path: Path, town: Path) -> None:
    """The street of a clip, of 1024 x 683: 37 dB and more."""
    with av.open(str(town)) as file:
        frames = [
            frame
            for number, frame in zip(range(101), file.decode(video=0), strict=False)
            if number % 50 == 0
        ]
    pictures = {
        str(at): Image.fromarray(frame.to_ndarray(format="rgb24")).resize(
            (WIDTH, HEIGHT), Image.Resampling.LANCZOS
        )
        for at, frame in enumerate(frames)
    }
    for name, (still, theirs) in stills(pictures, tmp_path).items():
        assert db(still, theirs) > LEAST_DB, name
