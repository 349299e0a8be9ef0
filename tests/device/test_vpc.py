"""VPC: one pass to the model's size, samples untouched in range, every rule of the chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import av
import numpy as np
import pytest
from elementary import demuxed, encoded, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.ascend.soc import Ascend310
from fleet.ascend.surface import frame_of, in_memory, tight, upload
from fleet.core.frames import Colour, Picture, Range, download
from fleet.core.geometry import Placement, Rect, Size, letterbox, stretch
from fleet.device import Device
from fleet.errors import DeviceError

Paint = Callable[..., Picture]

HD = Size(1920, 1080)
TASK_FAILED = 507018


def flat(device: Device, size: Size, yuv: tuple[int, int, int], pixels: str) -> Picture:
    """A picture of one colour in a surface as libav decodes to."""
    surface = av.VideoFrame(size.width, size.height, pixels)
    for plane, value in zip(surface.planes, yuv, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return in_memory(device.soc, device.memory, surface, Colour(), 7, "test picture")


def refusal(call: Callable[[], object]) -> DeviceError:
    """The error of a call that the chip refuses."""
    with pytest.raises(DeviceError) as caught:
        call()
    return caught.value


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


def test_crop_takes_exactly_the_area(device: Device, paint: Paint) -> None:
    """At its own size the area comes out sample for sample (docs/chip.md#vpc-crop)."""
    source = paint(Size(200, 100))
    part = device.vpc.crop_resize(source, Rect(22, 10, 96, 60), Size(96, 60))
    whole, packed = tight(source), tight(part)
    assert np.array_equal(packed[:60], whole[10:70, 22:118])
    assert np.array_equal(packed[60:], whole[105:135, 22:118])
    part.release()


def test_crop_of_a_decoded_surface_is_that_of_its_nv12(device: Device) -> None:
    """yuv420p, as VDEC gives it, is cut like NV12."""
    source = flat(device, Size(200, 100), (10, 20, 30), "yuv420p")
    for plane in frame_of(source).planes:
        plane.update(np.random.default_rng(2).bytes(plane.buffer_size))
    copy = upload(device.soc, device.memory, tight(source), Colour())
    area, size = Rect(40, 20, 128, 64), Size(64, 64)
    parts = [device.vpc.crop_resize(picture, area, size) for picture in (source, copy)]
    assert np.abs(tight(parts[0]).astype(int) - tight(parts[1])).max() <= 1
    for picture in [source, copy, *parts]:
        picture.release()


@pytest.mark.parametrize(
    "area", [Rect(1, 0, 64, 64), Rect(0, 3, 64, 64), Rect(0, 0, 63, 64), Rect(0, 0, 64, 63)]
)
def test_crop_edges_are_even(device: Device, paint: Paint, area: Rect) -> None:
    """The task fails for an area with an odd edge (docs/chip.md#vpc-crop)."""
    source = paint(Size(128, 128))
    error = refusal(lambda: device.vpc.crop_resize(source, area, Size(64, 64)))
    assert (error.code, "even" in str(error)) == (TASK_FAILED, True)


@pytest.mark.parametrize("area", [Rect(96, 0, 64, 64), Rect(0, 96, 64, 64), Rect(0, 0, 8, 64)])
def test_a_crop_area_lies_inside_and_is_large_enough(
    device: Device, paint: Paint, area: Rect
) -> None:
    """An area lies inside the picture and is at least 10x6 (docs/chip.md#vpc-crop)."""
    source = paint(Size(128, 128))
    error = refusal(lambda: device.vpc.crop_resize(source, area, Size(64, 64)))
    assert error.code == TASK_FAILED


def test_place_puts_the_picture_on_gray(device: Device, paint: Paint) -> None:
    """Y, U and V are 128 around the picture (docs/chip.md#vpc-gray)."""
    source = paint(HD)
    placement = letterbox(HD, Size(640, 640))
    placed = device.vpc.place(source, placement)
    direct = device.vpc.resize(source, placement.paste.size)
    packed, area = tight(placed), placement.paste
    assert np.array_equal(packed[area.top : area.bottom], tight(direct)[: area.height])
    chroma = packed[640 + area.top // 2 : 640 + area.bottom // 2]
    assert np.array_equal(chroma, tight(direct)[area.height :])
    border = np.delete(packed, np.s_[area.top : area.bottom], 0)
    assert set(
        np.delete(border, np.s_[-320 + area.top // 2 : -320 + area.bottom // 2], 0).flat
    ) == {128}
    placed.release()
    direct.release()


def test_a_border_has_the_colour_that_is_asked_for(device: Device, paint: Paint) -> None:
    """The buffer is cleared beforehand, to Y, U, V (docs/chip.md#vpc-border)."""
    placement = Placement(Size(64, 64), Size(128, 64), Rect(32, 0, 64, 64))
    placed = device.vpc.place(paint(Size(64, 64)), placement, fill=(16, 90, 200))
    packed = tight(placed)
    assert set(packed[:64, :32].flat) == {16} == set(packed[:64, 96:].flat)
    assert set(packed[64:, 0:32:2].flat) == {90}
    assert set(packed[64:, 97::2].flat) == {200}
    placed.release()


def test_a_placement_that_fills_is_a_resize(device: Device, paint: Paint) -> None:
    """Nothing to paste: one pass, nothing cleared."""
    source = paint(Size(320, 240))
    placed = device.vpc.place(source, stretch(source.size, Size(96, 96)))
    resized = device.vpc.resize(source, Size(96, 96))
    assert np.array_equal(tight(placed), tight(resized))
    placed.release()
    resized.release()


@pytest.mark.parametrize(
    ("area", "says"),
    [
        (Rect(8, 0, 64, 64), "multiple of 16"),
        (Rect(16, 1, 64, 64), "even"),
        (Rect(16, 0, 63, 64), "even"),
        (Rect(16, 0, 64, 4), "10x6"),
    ],
)
def test_paste_areas_have_rules(device: Device, paint: Paint, area: Rect, says: str) -> None:
    """An area is even, at least 10x6, its left edge a multiple of 16 (docs/chip.md#vpc-paste)."""
    source = paint(Size(128, 128))
    placement = Placement(source.size, Size(160, 160), area)
    error = refusal(lambda: device.vpc.place(source, placement))
    assert (error.code, says in str(error)) == (TASK_FAILED, True)


def test_a_placement_of_another_size_is_refused(device: Device, paint: Paint) -> None:
    """A placement knows the size it was made for."""
    source = paint(Size(128, 128))
    placement = letterbox(HD, Size(640, 640))
    assert refusal(lambda: device.vpc.place(source, placement)).code == 100000


@given(
    source=st.builds(
        Size, st.integers(64, 300).map(lambda n: n * 2), st.integers(64, 300).map(lambda n: n * 2)
    ),
    canvas=st.builds(
        Size, st.integers(32, 320).map(lambda n: n * 2), st.integers(32, 320).map(lambda n: n * 2)
    ),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_letterbox_is_one_that_the_chip_does(
    device: Device, source: Size, canvas: Size
) -> None:
    """What geometry plans, VPC accepts, and the picture has the canvas's size."""
    picture = flat(device, source, (60, 128, 128), "yuv420p")
    placed = device.vpc.place(picture, letterbox(source, canvas))
    assert placed.size == canvas
    assert set(tight(placed)[: canvas.height].flat) <= {60, 128}
    placed.release()
    picture.release()


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
