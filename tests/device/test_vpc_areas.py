"""VPC: areas that are cut out, and pictures that are placed on a canvas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scaled import flat, refusal

from fleet.ascend.surface import frame_of, tight, upload
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Placement, Rect, Size, letterbox, stretch
from fleet.device import Device

Paint = Callable[..., Picture]

HD = Size(1920, 1080)
TASK_FAILED = 507018


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
