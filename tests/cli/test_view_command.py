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
