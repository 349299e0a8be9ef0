"""`fleet view` as users meet it: raw buffers and videos as PNG."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from command import fleet_here
from numpy.typing import NDArray
from PIL import Image
from recorded import gray_of, write_grays

from fleet.show.movie import mp4


def seen(path: Path) -> NDArray[np.uint8]:
    """A PNG's pixels."""
    return np.asarray(Image.open(path))


def test_a_frame_of_a_video_is_the_one_on_the_screen(tmp_path: Path) -> None:
    """By its time, without an output."""
    clip, out = write_grays(tmp_path / "gate.mp4"), tmp_path / "one.png"
    done = fleet_here("view", clip, "--at", "1.85", "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"{out}: frame 18 at 1.800 s, " in done.stdout
    assert float(seen(out)[100:140, 200:300].mean()) == pytest.approx(gray_of(18), abs=2)


def test_padding_is_shown_on_request(tmp_path: Path) -> None:
    """Green at the right, as its samples are zero."""
    gray = np.full((130, 200, 3), 128, np.uint8)
    clip = tmp_path / "narrow.mp4"
    clip.write_bytes(mp4([(0, gray), (1, gray)], Fraction(1, 25), Fraction(25)))
    shown, whole = tmp_path / "shown.png", tmp_path / "whole.png"
    for out, more in ((shown, ()), (whole, ("--padding",))):
        done = fleet_here("view", clip, "--at", "0", "--out", out, *more)
        assert done.returncode == 0, done.stderr
    assert seen(shown).shape == (130, 200, 3)
    assert seen(whole).shape == (130, 208, 3)
    red, green, blue = seen(whole)[60, 204]
    assert green > 60 > max(red, blue)


def test_a_raw_buffer_is_read_as_the_options_say(tmp_path: Path) -> None:
    """The second of two pictures, in its strides."""
    dark = bytes(32 * 16) + bytes([128]) * (32 * 8)
    light = bytes([200]) * (32 * 16) + bytes([128]) * (32 * 8)
    raw, out = tmp_path / "two.yuv", tmp_path / "two.png"
    raw.write_bytes(dark + light)
    options = ("--size", "20x16", "--stride", "32x16", "--frame", "1", "--range", "wide")
    done = fleet_here("view", raw, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "20x16 nv12, strides 32x16" in done.stdout
    assert (seen(out) == 200).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "does not say how large its pictures are"),
        (("--size", "big"), "is not a size"),
        (("--size", "8x8", "--stride", "4x8"), "do not hold a picture"),
        (("--size", "8x8", "--pixel-format", "rgb"), "none of nv12, nv21, yuv420p"),
        (("--size", "8x8", "--at", "1"), "which have no times"),
        (("--size", "64x64"), "so that it holds 0 pictures"),
        (("--size", "99999x2"), "sides of 1 to 16,384"),
    ],
)
def test_what_cannot_be_read_so_is_refused(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """With the exit code of wrong usage, and no file."""
    raw, out = tmp_path / "one.yuv", tmp_path / "one.png"
    raw.write_bytes(bytes(96))
    done = fleet_here("view", raw, *options, "--out", out)
    assert done.returncode == 2, done.stdout
    assert said in " ".join(done.stderr.split())
    assert not out.exists()


def test_a_jpeg_is_shown_as_jpegd_leaves_it(tmp_path: Path) -> None:
    """Its buffer has the strides; its picture is that of other readers; a wrong height shows."""
    photo, raw, out = (tmp_path / name for name in ("photo.jpg", "photo.yuv", "one.png"))
    y, x = np.mgrid[0:683, 0:1024]
    rgb = np.stack([x % 200 + 20, (x + y) % 180 + 40, y % 220 + 10], -1).astype(np.uint8)
    rgb = np.asarray(Image.fromarray(rgb).reduce(8).resize((1024, 683), Image.Resampling.BICUBIC))
    Image.fromarray(rgb).save(photo, quality=90)
    assert fleet_here("view", photo, "--out", raw).returncode == 0
    assert raw.stat().st_size == 1_056_768
    assert fleet_here("view", photo, "--out", out).returncode == 0
    by_pillow = np.asarray(Image.open(photo).convert("RGB")).astype(int)
    assert abs(seen(out) - by_pillow).mean() < 2
    read = ("view", raw, "--range", "wide", "--out", out, "--size")
    assert fleet_here(*read, "1024x683", "--stride", "1024x688").returncode == 0
    assert abs(seen(out) - by_pillow).mean() < 4
    strips = {
        ("1024x683", "yuv420p", 4): "yellow",
        ("1024x683", "nv12", 4): "green",
        ("1024x688", "nv12", 686): "green",
    }
    for (size, pixel_format, row), expected in strips.items():
        assert fleet_here(*read, size, "--pixel-format", pixel_format).returncode == 0
        red, green, blue = seen(out)[row].mean(0)
        assert green > 100 > blue
        assert ("yellow" if red > 60 else "green") == expected


def test_a_jpeg_that_the_chip_refuses_is_refused_with_its_number(tmp_path: Path) -> None:
    """A progressive one, which JPEGD does not decode."""
    photo, out = tmp_path / "photo.jpg", tmp_path / "one.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(photo, progressive=True)
    done = fleet_here("view", photo, "--out", out)
    assert done.returncode == 1
    assert "148052" in done.stderr
    assert not out.exists()
