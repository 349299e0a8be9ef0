"""JPEGE: JPEGs that look right in any viewer, and the chip's rules."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import av
import numpy as np
import pytest
from elementary import demuxed
from numpy.typing import NDArray

from fleet.ascend.jpege import predicted_bytes, quantiser
from fleet.ascend.soc import MB
from fleet.ascend.surface import frame_of, in_memory, planes, upload
from fleet.core.frames import Colour, Matrix, Picture, Range
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device
from fleet.errors import DeviceError, DeviceOutOfMemoryError
from fleet.video.stills.jpeg_header import read_header

Paint = Callable[..., Picture]

# Y, U, V of pure red, and of a light gray, in each standard and range (ITU-R BT.601, BT.709).
RED = {
    Colour(Matrix.BT601, Range.NARROW): (81, 90, 240),
    Colour(Matrix.BT601, Range.WIDE): (76, 85, 255),
    Colour(Matrix.BT709, Range.NARROW): (63, 102, 240),
    Colour(Matrix.BT709, Range.WIDE): (54, 99, 255),
}
GRAY = {Range.NARROW: (180, 128, 128), Range.WIDE: (191, 128, 128)}


def flat(device: Device, colour: Colour, yuv: tuple[int, int, int]) -> Picture:
    """A picture of one colour, 64x64."""
    nv12 = np.empty((96, 64), np.uint8)
    nv12[:64], nv12[64:, 0::2], nv12[64:, 1::2] = yuv
    return upload(device.soc, device.memory, nv12, colour)


def viewed(jpeg: bytes) -> NDArray[np.uint8]:
    """What an image viewer shows: RGB u8 [H, W, 3]."""
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
    full = frame.reformat(format="rgb24", src_colorspace="ITU601", src_color_range="JPEG")
    return np.asarray(full.to_ndarray(), np.uint8)


def markers(jpeg: bytes) -> list[int]:
    """The marker of each segment up to the scan."""
    found: list[int] = []
    at = 2
    while not found or found[-1] != 0xDA:
        assert jpeg[at] == 0xFF
        found.append(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return found


def test_the_file_is_a_baseline_huffman_jpeg(device: Device, paint: Paint) -> None:
    """It has SOI, JFIF, SOF0 and EOI, and is not progressive (docs/chip.md#jpege-output)."""
    jpeg = device.jpege.encode(paint(Size(320, 240)))
    assert (jpeg[:2], jpeg[-2:]) == (b"\xff\xd8", b"\xff\xd9")
    found = markers(jpeg)
    assert found[0] == 0xE0
    assert 0xC0 in found
    assert not {0xC1, 0xC2, 0xC9, 0xCA} & set(found)
    assert viewed(jpeg).shape == (240, 320, 3)


@pytest.mark.parametrize("colour", RED)
def test_red_is_red_in_a_viewer(device: Device, colour: Colour) -> None:
    """With full_range, range and standard are JPEG's (docs/chip.md#jpege-colour)."""
    picture = flat(device, colour, RED[colour])
    red, green, blue = (
        viewed(device.jpege.encode(picture, 100, full_range=True)).reshape(-1, 3).mean(0)
    )
    assert red > 249
    assert max(green, blue) < 6
    picture.release()


@pytest.mark.parametrize("level_range", GRAY)
def test_gray_is_as_light_in_a_viewer(device: Device, level_range: Range) -> None:
    """Y = 180 of the narrow range is 191 of the full one."""
    picture = flat(device, Colour(range=level_range), GRAY[level_range])
    shown = viewed(device.jpege.encode(picture, 100, full_range=True))
    assert shown.mean() == pytest.approx(191, abs=1)
    picture.release()


@pytest.mark.parametrize("colour", RED)
def test_samples_are_written_as_they_are(device: Device, colour: Colour) -> None:
    """A viewer shows what they are in BT.601 and the full range, as on the chip."""
    picture = flat(device, colour, RED[colour])
    as_jpeg = flat(device, Colour(Matrix.BT601, Range.WIDE), RED[colour])
    shown = viewed(device.jpege.encode(picture, 100)).reshape(-1, 3).mean(0)
    assert np.abs(shown - as_jpeg.rgb().reshape(-1, 3).mean(0)).max() < 2
    picture.release()
    as_jpeg.release()


def test_a_narrow_picture_looks_washed_out_as_on_the_chip(device: Device) -> None:
    """Black of the narrow range comes out as 16 (docs/chip.md#jpege-colour)."""
    picture = flat(device, Colour(range=Range.NARROW), (16, 128, 128))
    assert viewed(device.jpege.encode(picture, 100)).mean() == pytest.approx(16, abs=1)
    assert viewed(device.jpege.encode(picture, 100, full_range=True)).mean() < 1
    picture.release()


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_formats_are_those_of_the_table(device: Device, pixel_format: PixelFormat) -> None:
    """4:2:0, and packed 4:2:2 as a 4:2:2 file; else 100027 (docs/chip.md#jpege-input)."""
    if pixel_format is PixelFormat.UNKNOWN:
        return
    layout = pixel_format.layout
    surface = av.VideoFrame(64, 50, layout.surfaces[0])
    for plane in planes(surface):
        plane[:] = 90
    args = (device.soc, device.memory, surface, Colour(), 0, "test picture", pixel_format)
    picture = in_memory(*args, (64 * layout.pixel_bytes, 50))
    if pixel_format in device.soc.jpege.input_formats:
        jpeg = device.jpege.encode(picture)
        assert viewed(jpeg).shape == (50, 64, 3)
        expected = "4:2:0" if pixel_format in {1, 2} else "4:2:2"
        assert read_header(jpeg).chroma == expected
    else:
        with pytest.raises(DeviceError, match="100027"):
            device.jpege.encode(picture)
    picture.release()


def test_packed_rows_have_one_length(device: Device) -> None:
    """2 w rounded up to 16, no other multiple (docs/chip.md#jpege-stride)."""
    surface = av.VideoFrame(70, 50, "yuv422p")
    for stride, allowed in ((144, True), (160, False)):
        args = (device.soc, device.memory, surface, Colour(), 0, "test", PixelFormat.YUYV)
        picture = in_memory(*args, (stride, 50))
        if allowed:
            assert device.jpege.encode(picture)
        else:
            with pytest.raises(DeviceError, match="100000"):
                device.jpege.encode(picture)
        picture.release()


def test_a_real_picture_looks_as_it_should(device: Device, request: pytest.FixtureRequest) -> None:
    """The JPEG of a decoded picture has the colours of the picture itself."""
    clip = demuxed(request.getfixturevalue("town"), 6)
    channel = device.open_vdec(clip.stream)
    pictures = [*(p for unit in clip.units for p in channel.send(unit)), *channel.drain()]
    small = device.vpc.resize(pictures[0], Size(640, 360))
    expected = (
        frame_of(small)
        .reformat(format="rgb24", src_colorspace="ITU601", src_color_range="MPEG")
        .to_ndarray()
    )
    shown = viewed(device.jpege.encode(small, 95, full_range=True))
    assert np.abs(shown.astype(int) - expected).mean() < 3
    assert np.abs(shown.reshape(-1, 3).mean(0) - expected.reshape(-1, 3).mean(0)).max() < 1
    for picture in [small, *pictures]:
        picture.release()


def test_a_higher_level_is_larger_and_closer(device: Device, paint: Paint) -> None:
    """1 is the worst, 100 the best, and 0 the same as 100 (docs/chip.md#jpege-level)."""
    picture = paint(Size(320, 240), Colour(range=Range.WIDE))
    best = viewed(device.jpege.encode(picture, 100)).astype(int)
    sizes, errors = [], []
    for level in (1, 20, 50, 75, 90, 100):
        jpeg = device.jpege.encode(picture, level)
        sizes.append(len(jpeg))
        errors.append(float(np.square(viewed(jpeg) - best).mean()))
    assert sizes == sorted(sizes)
    assert sizes[0] * 2 < sizes[-1]
    assert errors == sorted(errors, reverse=True)
    assert device.jpege.encode(picture, 0) == device.jpege.encode(picture, 100)


def test_the_quantiser_never_falls_with_quality() -> None:
    """The mapping covers 1 to 31 and is monotone."""
    steps = [quantiser(level) for level in range(1, 101)]
    assert steps == sorted(steps, reverse=True)
    assert (steps[0], steps[49], steps[-1]) == (31, 8, 1)


def test_the_same_picture_gives_the_same_bytes(device: Device, paint: Paint) -> None:
    """Encoding keeps no state from picture to picture."""
    first, other = paint(Size(128, 96)), paint(Size(128, 96), seed=9)
    before = device.jpege.encode(first, 60)
    device.jpege.encode(other, 60)
    assert device.jpege.encode(first, 60) == before


@pytest.mark.parametrize("size", [Size(30, 64), Size(64, 30), Size(8194, 32)])
def test_the_size_has_bounds(device: Device, paint: Paint, size: Size) -> None:
    """Sizes outside 32x32 to 8192x8192 are answered with 100000 (docs/chip.md#jpege-sizes)."""
    picture = paint(size)
    with pytest.raises(DeviceError, match="32x32 to 8192x8192") as caught:
        device.jpege.encode(picture)
    assert caught.value.code == 100000


@pytest.mark.parametrize(
    ("width_stride", "height_stride", "allowed"),
    [(64, 50, True), (80, 50, True), (128, 64, True), (72, 50, False), (64, 52, False)],
)
def test_strides_have_rules(
    device: Device, paint: Paint, width_stride: int, height_stride: int, allowed: bool
) -> None:
    """Strides are multiples of 16; hs may be the height itself (docs/chip.md#jpege-stride)."""
    picture = replace(paint(Size(64, 50)), width_stride=width_stride, height_stride=height_stride)
    if allowed:
        assert viewed(device.jpege.encode(picture)).shape == (50, 64, 3)
        return
    with pytest.raises(DeviceError, match="stride") as caught:
        device.jpege.encode(picture)
    assert caught.value.code == 100000


@pytest.mark.parametrize("level", [-1, 101])
def test_the_level_has_bounds(device: Device, paint: Paint, level: int) -> None:
    """Levels outside 0 to 100 are answered with 100000 (docs/chip.md#jpege-level)."""
    picture = paint(Size(64, 64))
    with pytest.raises(DeviceError, match="0 to 100") as caught:
        device.jpege.encode(picture, level)
    assert caught.value.code == 100000


@pytest.mark.parametrize(("size", "bytes_"), [(Size(64, 64), 2 * MB), (Size(1920, 1080), 4 * MB)])
def test_the_predicted_size_is_that_of_the_library(
    device: Device, paint: Paint, size: Size, bytes_: int
) -> None:
    """Raw bytes, 640 and 128 are rounded up to 2 MiB (docs/chip.md#jpege-predicted)."""
    assert predicted_bytes(device.soc, paint(size)) == bytes_


def test_encoding_needs_room_for_the_predicted_size(device: Device, paint: Paint) -> None:
    """Without room it answers 207001; it gives back what it takes (docs/chip.md#memory-limit)."""
    picture = paint(Size(64, 64))
    before = device.memory.used_bytes
    device.jpege.encode(picture)
    assert device.memory.used_bytes == before
    remainder = device.memory.budget_bytes - before - MB
    filler = device.memory.allocate(remainder, "filler")
    with pytest.raises(DeviceOutOfMemoryError, match="jpege output"):
        device.jpege.encode(picture)
    filler.free()
    assert device.memory.used_bytes == before
