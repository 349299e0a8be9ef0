"""VPC: one pass to the model's size, samples untouched in range, every rule of the chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from elementary import demuxed, encoded, samples
from scaled import flat, refusal

from fleet.ascend.soc import Ascend310
from fleet.ascend.surface import frame_of, tight, upload
from fleet.core.frames import Colour, Picture, Range, download
from fleet.core.geometry import Size
from fleet.device import Device

Paint = Callable[..., Picture]

HD = Size(1920, 1080)
TASK_FAILED = 507018


def test_resize_gives_a_picture_of_its_own(device: Device, paint: Paint) -> None:
    """NV12 in the chip's strides, row and colour kept, memory until it is released."""
    colour = Colour(range=Range.WIDE, declared=True)
    source = paint(HD, colour, row=41)
    before = device.memory.used_bytes
    small = device.vpc.resize(source, Size(356, 200))
    assert (small.size, small.row, small.colour) == (Size(356, 200), 41, colour)
    assert (small.width_stride, small.height_stride) == (368, 200)
    assert frame_of(small).format.name == "nv12"
    assert device.memory.used_bytes - before == 368 * 200 * 3 // 2 + 32
    small.release()
    small.release()
    assert device.memory.used_bytes == before


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p"])
def test_samples_keep_their_range(device: Device, pixels: str) -> None:
    """VPC changes neither range nor standard (docs/chip.md#vpc-colour)."""
    source = flat(device, Size(640, 480), (250, 240, 3), pixels)
    small = device.vpc.resize(source, Size(320, 240))
    luma, chroma = samples(frame_of(small))
    assert set(luma.flat) == {250}
    assert (chroma[:, 0::2] == 240).all()
    assert (chroma[:, 1::2] == 3).all()
    small.release()
    source.release()


def test_a_full_range_stream_keeps_its_samples(device: Device) -> None:
    """VPC does not squeeze yuvj420p, as libav calls it, into 16..235 (docs/chip.md#vpc-colour)."""
    clip = encoded("h264", "keyint=12:fullrange=on:bframes=0", 2, pixels="yuvj420p")
    channel = device.open_vdec(clip.stream)
    picture = channel.send(clip.units[0])[0]
    assert frame_of(picture).format.name == "yuvj420p"
    copy = device.vpc.resize(picture, picture.size)
    assert np.array_equal(tight(copy), tight(picture))
    assert tight(copy)[:128].max() > 240
    copy.release()
    picture.release()


def test_resize_is_libswscale_bilinear_on_the_planes(device: Device, paint: Paint) -> None:
    """What stands in for the chip's filter is named: the same numbers as libswscale gives."""
    source = paint(Size(640, 360))
    small = device.vpc.resize(source, Size(320, 320))
    direct = frame_of(source).reformat(320, 320, "nv12", interpolation="BILINEAR", threads=1)
    assert np.array_equal(tight(small), direct.to_ndarray())
    small.release()


def test_a_real_full_size_picture_keeps_its_means(
    device: Device, request: pytest.FixtureRequest
) -> None:
    """1080p to 352x352: the mean of each plane stays within half a step."""
    clip = demuxed(request.getfixturevalue("town"), 8)
    channel = device.open_vdec(clip.stream)
    pictures = [*(p for unit in clip.units for p in channel.send(unit)), *channel.drain()]
    small = device.vpc.resize(pictures[3], Size(352, 352))
    luma, first_u, first_v = (plane.mean() for plane in samples(frame_of(pictures[3])))
    packed = tight(small)
    assert packed[:352].mean() == pytest.approx(luma, abs=0.5)
    assert packed[352:, 0::2].mean() == pytest.approx(first_u, abs=0.5)
    assert packed[352:, 1::2].mean() == pytest.approx(first_v, abs=0.5)
    for picture in [small, *pictures]:
        picture.release()


def test_odd_sizes_are_cut_to_even(device: Device, paint: Paint) -> None:
    """15x15 silently works as 14x14 (docs/chip.md#vpc-even)."""
    small = device.vpc.resize(paint(Size(64, 64)), Size(15, 15))
    assert small.size == Size(14, 14)
    small.release()


@pytest.mark.parametrize("target", [Size(8, 8), Size(10, 4), Size(4098, 100), Size(100, 4098)])
def test_the_output_size_has_bounds(device: Device, paint: Paint, target: Size) -> None:
    """Sizes outside 10x6 to 4096x4096 are answered with 100000 (docs/chip.md#vpc-output)."""
    source = paint(Size(512, 512))
    assert refusal(lambda: device.vpc.resize(source, target)).code == 100000


@pytest.mark.parametrize("size", [Size(8, 8), Size(8194, 64)])
def test_the_input_size_has_bounds(device: Device, paint: Paint, size: Size) -> None:
    """Sizes outside 10x6 to 8192x8192 are answered with 100000 (docs/chip.md#vpc-input)."""
    source = paint(size)
    assert refusal(lambda: device.vpc.resize(source, Size(64, 64))).code == 100000


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Size(64, 64), Size(1026, 64)),
        (Size(64, 64), Size(64, 1026)),
        (Size(4096, 64), Size(126, 64)),
        (Size(64, 4096), Size(64, 126)),
    ],
)
def test_the_scale_ratio_has_bounds(
    device: Device, paint: Paint, source: Size, target: Size
) -> None:
    """Each axis is scaled by 1/32 to 16, or the task fails (docs/chip.md#vpc-ratio)."""
    picture = paint(source)
    error = refusal(lambda: device.vpc.resize(picture, target))
    assert (error.code, "1/32 to 16" in str(error)) == (TASK_FAILED, True)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Size(64, 64), Size(1024, 1024)),
        (Size(4096, 64), Size(128, 64)),
        (Size(64, 64), Size(10, 6)),
    ],
)
def test_the_bounds_themselves_are_allowed(
    device: Device, paint: Paint, source: Size, target: Size
) -> None:
    """Both ends of a range belong to it (docs/chip.md#vpc-ratio, docs/chip.md#vpc-output)."""
    picture = device.vpc.resize(paint(source), target)
    assert picture.size == target
    picture.release()


@pytest.mark.parametrize(("width_stride", "height_stride"), [(136, 128), (128, 129)])
def test_strides_are_multiples_of_16_and_2(
    device: Device, paint: Paint, width_stride: int, height_stride: int
) -> None:
    """Other strides are answered with 100000 (docs/chip.md#vpc-stride-error)."""
    source = paint(Size(128, 128))
    wrong = replace(source, width_stride=width_stride, height_stride=height_stride)
    assert refusal(lambda: device.vpc.resize(wrong, Size(64, 64))).code == 100000


@pytest.mark.parametrize("number", [0, 1, 3])
def test_bilinear_numbers_are_alike(device: Device, paint: Paint, number: int) -> None:
    """0, the default, is simulated as 1 and 3 are (docs/chip.md#vpc-interpolation)."""
    source = paint(Size(128, 128))
    default, chosen = (device.vpc.resize(source, Size(64, 64), n) for n in (0, number))
    assert np.array_equal(tight(default), tight(chosen))
    default.release()
    chosen.release()


@pytest.mark.parametrize("number", [2, 4])
def test_nearest_numbers_make_no_new_values(device: Device, paint: Paint, number: int) -> None:
    """2 and 4 take the nearest sample (docs/chip.md#vpc-interpolation)."""
    source = paint(Size(128, 128))
    larger = device.vpc.resize(source, Size(300, 300), number)
    assert set(tight(larger)[:300].flat) <= set(tight(source)[:128].flat)
    larger.release()


@pytest.mark.parametrize("number", [-1, 5])
def test_other_interpolations_are_refused(device: Device, paint: Paint, number: int) -> None:
    """Numbers outside 0 to 4 are answered with 100000 (docs/chip.md#vpc-interpolation)."""
    source = paint(Size(128, 128))
    assert refusal(lambda: device.vpc.resize(source, Size(64, 64), number)).code == 100000


def test_an_interpolation_that_the_chip_lost_is_unsupported() -> None:
    """A chip without 3 and 4 answers 200006 (docs/chip.md#vpc-interpolation-310p)."""
    fewer = replace(Ascend310, vpc=replace(Ascend310.vpc, interpolations=frozenset({0, 1, 2})))
    with Device(fewer) as device:
        nv12 = np.zeros((192, 128), np.uint8)
        source = upload(device.soc, device.memory, nv12, Colour())
        assert refusal(lambda: device.vpc.resize(source, Size(64, 64), 3)).code == 200006


def test_what_is_uploaded_comes_back(device: Device) -> None:
    """Upload, download and tight agree; padding is zero (docs/chip.md#memory-padding)."""
    nv12 = np.random.default_rng(3).integers(1, 256, (90 * 3 // 2, 70), np.uint8)
    picture = upload(device.soc, device.memory, nv12, Colour(), row=3)
    buffer = download(picture)
    assert np.array_equal(tight(picture), nv12)
    assert buffer.shape == (135, 80)
    assert np.array_equal(buffer[:, :70], nv12)
    assert not buffer[:, 70:].any()
    picture.release()


@pytest.mark.parametrize("shape", [(90, 71), (91, 70), (89, 70)])
def test_what_is_no_nv12_is_not_uploaded(device: Device, shape: tuple[int, int]) -> None:
    """Both sides of 4:2:0 are even (docs/chip.md#vpc-even)."""
    with pytest.raises(ValueError, match="not NV12"):
        upload(device.soc, device.memory, np.zeros(shape, np.uint8), Colour())


def test_the_command_buffer_needs_room() -> None:
    """A device without 2 MB for it cannot be opened (docs/chip.md#vpc-commands)."""
    tiny = replace(Ascend310, memory_bytes=1 << 20)
    assert refusal(lambda: Device(tiny)).code == 207001
