"""Boxes as parts of pictures: which the chip cuts out, and what a network finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import LABELS, RED, colour_network, flat_nv12

from fleet.ascend.soc import CHIPS, Soc, soc
from fleet.ascend.surface import upload
from fleet.ascend.vpc.rules import VpcRules
from fleet.core.frames import Colour, Detections, FrameBatch, Picture
from fleet.core.geometry import Fit, Rect, Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device
from fleet.errors import DeviceError, DeviceOutOfMemoryError, UsageError
from fleet.models.compiler.compile import compile_model
from fleet.models.crops import Crop, CropPlanner, Unseen
from fleet.models.network import Network

CHIP = soc("Ascend310")
PICTURE = Size(320, 240)
BOXES = ((20.0, 10.0, 8.0, 4.0), (40.0, 20.0, 30.0, 12.0), (30.0, 16.0, 64.0, 32.0))
EDGE = st.floats(-200, 2500, width=32)


def boxes_in(
    xyxy: Sequence[Sequence[float]], picture: Sequence[int], labels: tuple[str, ...] = ("car",)
) -> Detections:
    """Make boxes of one class, each of a picture of a batch."""
    count = len(picture)
    return Detections(
        np.array(picture, np.int32),
        np.array(xyxy, np.float32).reshape(count, 4),
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.zeros(count, np.int32),
        labels,
    )


def noise(device: Device, size: Size, seeds: Sequence[int]) -> FrameBatch:
    """Make pictures of coarse coloured noise, so that each part has its own mean."""
    pictures: list[Picture] = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        luma = random.integers(16, 235, (size.height // 8, size.width // 8), np.uint8)
        chroma = random.integers(16, 240, (size.height // 16, size.width // 16, 2), np.uint8)
        rows = chroma.repeat(8, 0).repeat(8, 1).reshape(size.height // 2, size.width)
        nv12 = np.concatenate([luma.repeat(8, 0).repeat(8, 1), rows])
        pictures.append(upload(device.soc, device.memory, nv12, Colour(), len(pictures)))
    numbers = np.arange(len(seeds), dtype=np.int64)
    return FrameBatch("made://", tuple(pictures), numbers, numbers, Fraction(1, 25), 0)


def network(device: Device, pictures: int = 1, **options: Any) -> Network:
    """Load a network that finds fixed boxes, whose classes are the means of its channels."""
    content = colour_network(BOXES, (pictures, 32, 64))
    asked: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "name": "made", **options}
    om = compile_model(content, soc=device.soc, **asked)
    loaded = Network(device.soc, device.memory, device.clock, device.vpc, om, "made.om")
    device._opened.append(loaded)
    return loaded


def release(batch: FrameBatch) -> None:
    """Free the pictures of a batch."""
    for picture in batch.pictures:
        picture.release()


def straight(box: Sequence[float], picture: Size, expand: float) -> tuple[int, int, int, int]:
    """Return the edges of the part around a box, step by step."""
    x1, y1, x2, y2 = box
    wide, high = max(0.0, x2 - x1) * expand, max(0.0, y2 - y1) * expand
    left, right = max(0.0, x1 - wide), min(picture.width // 2 * 2.0, x2 + wide)
    top, bottom = max(0.0, y1 - high), min(picture.height // 2 * 2.0, y2 + high)
    return (
        int(left - left % 2),
        int(top - top % 2),
        int(right + -right % 2),
        int(bottom + -bottom % 2),
    )


def refusal(chip: Soc, area: Rect, picture: Size, fit: Fit, canvas: Size) -> str:
    """Return what VPC's own rules say of a part and its place; empty where they take it."""
    rules, nv12 = VpcRules(chip), PixelFormat.NV12
    paste = fit.place(area.size, canvas, chip.vpc.paste_left_step).paste
    try:
        rules.check_area("crop", area, picture, nv12)
        rules.check_area("paste", paste, canvas, nv12)
        rules.check_ratio(area.size, paste.size, nv12)
    except DeviceError as error:
        return str(error)
    return ""


@given(
    st.tuples(EDGE, EDGE, EDGE, EDGE),
    st.tuples(st.integers(16, 2100), st.integers(16, 2100)).map(lambda sides: Size(*sides)),
    st.sampled_from([Size(32, 16), Size(64, 64), Size(416, 416), Size(1280, 640)]),
    st.sampled_from([0.0, 0.1, 1.5]),
    st.sampled_from(list(Fit)),
    st.sampled_from(sorted(CHIPS)),
)
def test_a_part_is_cut_out_exactly_where_the_chip_takes_it(
    box: tuple[float, float, float, float],
    picture: Size,
    canvas: Size,
    expand: float,
    fit: Fit,
    chip: str,
) -> None:
    """Each planned part keeps every rule of VPC; each refused one breaks one."""
    plan = CropPlanner(CHIPS[chip], fit, canvas).plan(box, picture, expand)
    left, top, right, bottom = straight(box, picture, expand)
    if isinstance(plan, Crop):
        assert (plan.area.left, plan.area.top) == (left, top)
        assert (plan.area.right, plan.area.bottom) == (right, bottom)
        assert not refusal(CHIPS[chip], plan.area, picture, fit, canvas)
    elif plan is Unseen.OUTSIDE:
        end = Size(picture.width // 2 * 2, picture.height // 2 * 2)
        assert right <= 0 or bottom <= 0 or left >= end.width or top >= end.height
    elif right > left and bottom > top:
        area = Rect(left, top, right - left, bottom - top)
        assert refusal(CHIPS[chip], area, picture, fit, canvas)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((10.0, 10.0, 14.0, 60.0), "too small"),  # 310: at least 10x6
        ((10.0, 10.0, 60.0, 11.0), "too small"),
        ((10.0, 10.0, 5.0, 60.0), "too small"),
        ((0.0, 0.0, 4000.0, 12.0), "too small"),  # letterboxed it would be 2 rows high
        ((0.0, 0.0, 2100.0, 2100.0), "too large"),  # to 32 rows: less than a 32nd
        ((-50.0, 10.0, -20.0, 60.0), "outside"),
        ((4000.0, 10.0, 4100.0, 60.0), "outside"),
        ((10.0, nan, 60.0, 60.0), "outside"),
        ((-inf, 0.0, inf, 60.0), "outside"),
    ],
)
def test_the_reason_is_said(box: tuple[float, float, float, float], reason: str) -> None:
    """The smallest sizes of the chip, its ratios, and what no picture has."""
    planner = CropPlanner(CHIP, Fit.LETTERBOX, Size(64, 32))
    assert planner.plan(box, Size(4000, 2200), 0.0) == reason


def test_a_crop_that_would_be_enlarged_too_much_is_too_small() -> None:
    """16 times is the most: 26 pixels to 416, not 24."""
    planner = CropPlanner(CHIP, Fit.STRETCH, Size(416, 416))
    assert isinstance(planner.plan((100, 100, 126, 126), PICTURE, 0.0), Crop)
    assert planner.plan((100, 100, 124, 124), PICTURE, 0.0) is Unseen.TOO_SMALL


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("chip", sorted(CHIPS))
@pytest.mark.parametrize("pictures", [1, 3])
def test_a_box_is_seen_as_a_picture_that_was_cut_out_before(
    fit: Fit, chip: str, pictures: int
) -> None:
    """Bit for bit what `detect` finds in each part alone, moved to where the part lies."""
    with Device(CHIPS[chip]) as device:
        net = network(device, pictures, fit=fit)
        batch = noise(device, PICTURE, range(3))
        xyxy = [(12.3, 20.0, 90.0, 77.7), (200, 100, 340, 250), (-9, -9, 40, 60), (5, 9, 300, 30)]
        boxes = boxes_in(xyxy, [0, 0, 1, 2])
        found = net.detect_in(batch, boxes, 0.1, threshold=0.1, iou=1.0)
        assert set(found.unseen) == {""}
        assert len(found) == 3 * len(boxes)
        planner = CropPlanner(device.soc, fit, net.card.source)
        for at, (box, picture) in enumerate(zip(boxes.xyxy.tolist(), boxes.picture, strict=True)):
            plan = planner.plan(box, PICTURE, 0.1)
            assert isinstance(plan, Crop)
            part = device.vpc.crop(batch.pictures[picture], plan.area)
            alone = net.detect(replace(list(batch.singly())[picture], pictures=(part,)), 0.1, 1.0)
            part.release()
            corner = np.array([plan.area.left, plan.area.top] * 2, np.float32)
            mine = found.parent == at
            assert (found.found.xyxy[mine] == alone.xyxy + corner).all()
            assert (found.found.score[mine] == alone.score).all()
            assert (found.found.class_id[mine] == alone.class_id).all()
            assert (found.found.picture[mine] == picture).all()
        release(batch)
    assert device.memory.used_bytes == 0


@given(st.permutations(range(6)), st.integers(1, 6), st.sampled_from([1, 4]))
def test_what_a_box_holds_does_not_depend_on_the_other_boxes(
    order: list[int], cut: int, pictures: int
) -> None:
    """In any order, in one call or two, with any batch of the network."""
    xyxy = [(10, 10, 60, 60), (0, 0, 4, 4), (70, 5, 150, 90), (9, 99, 9, 99), (1, 1, 300, 200)]
    boxes = boxes_in([*xyxy, (400, 9, 450, 90)], [0, 0, 1, 1, 1, 0])
    with Device(CHIP) as device:
        batch = noise(device, PICTURE, (5, 6))
        whole = network(device, 1).detect_in(batch, boxes, threshold=0.1)
        net = network(device, pictures)
        assert whole.unseen == ("", "too small", "", "too small", "", "outside")
        for part in filter(None, (order[:cut], order[cut:])):
            some = net.detect_in(batch, boxes.take(np.array(part)), threshold=0.1)
            assert some.unseen == tuple(whole.unseen[at] for at in part)
            for at, original in enumerate(part):
                mine, others = some.parent == at, whole.parent == original
                assert (some.found.xyxy[mine] == whole.found.xyxy[others]).all()
                assert (some.found.score[mine] == whole.found.score[others]).all()
        release(batch)


def test_more_boxes_than_a_call_takes_are_cut_out_in_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """VPC takes 256 regions a call; a network of a larger batch asks twice."""
    with Device(CHIP) as device:
        batch = noise(device, PICTURE, (1,))
        calls: list[int] = []
        real = device.vpc.batch

        def counted(regions: Any, interpolation: int = 0) -> Any:
            calls.append(len(regions))
            return real(regions, interpolation)

        monkeypatch.setattr(device.vpc, "batch", counted)
        boxes = boxes_in([(10, 10, 60 + at % 7, 60) for at in range(300)], [0] * 300)
        found = network(device, 290).detect_in(batch, boxes, threshold=0.1)
        assert len(np.unique(found.parent)) == 300
        assert calls == [256, 34, 10]
        release(batch)


def test_rows_keep_their_box() -> None:
    """A row for each object, and one that says why for a box without; boxes count by picture."""
    with Device(CHIP) as device:
        batch = noise(device, PICTURE, (1, 2))
        boxes = boxes_in([(10, 10, 90, 70), (5, 5, 7, 7), (30, 30, 80, 90)], [0, 0, 1])
        found = network(device).detect_in(batch, boxes, threshold=0.1, iou=1.0)
        rows = found.rows()
        release(batch)
    assert rows.picture.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert rows.columns["box"].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert rows.columns["state"] == ["found"] * 3 + ["too small"] + ["found"] * 3
    assert rows.columns["box_x1"] == [10, 10, 10, 5, 30, 30, 30]
    assert rows.columns["label"][3] is None
    assert [rows.columns["x1"][at] for at in (0, 1, 2, 4, 5, 6)] == found.found.xyxy[:, 0].tolist()


def test_a_box_in_which_nothing_is_found_says_so() -> None:
    """Looked into, and nothing is sure enough; no boxes at all make no rows."""
    with Device(CHIP) as device:
        net, batch = network(device), noise(device, PICTURE, (1,))
        boxes = boxes_in([(10, 10, 90, 70)], [0])
        assert net.detect_in(batch, boxes, threshold=1.0).rows().columns["state"] == ["nothing"]
        assert len(net.detect_in(batch, boxes_in([], [])).rows()) == 0
        release(batch)


def test_what_makes_no_sense_is_refused() -> None:
    """Numbers out of range, and boxes of another batch."""
    with Device(CHIP) as device:
        net, batch = network(device), noise(device, PICTURE, (1,))
        boxes = boxes_in([(10, 10, 90, 70)], [0])
        for expand in (-0.1, inf, nan):
            with pytest.raises(UsageError, match="expand is"):
                net.detect_in(batch, boxes, expand)
        with pytest.raises(UsageError, match="threshold is 2"):
            net.detect_in(batch, boxes, threshold=2)
        for picture in (1, -1):
            with pytest.raises(UsageError, match="not of this batch of 1 pictures"):
                net.detect_in(batch, replace(boxes, picture=np.array([picture], np.int32)))
        release(batch)


def test_nothing_is_left_in_memory_where_canvases_do_not_fit() -> None:
    """The chip's memory is taken by something else; what was allocated by then is freed."""
    with Device(CHIP) as device:
        net = network(device, 4)
        nv12 = flat_nv12(PICTURE, RED)
        picture = upload(device.soc, device.memory, nv12, Colour())
        numbers = np.zeros(1, np.int64)
        batch = FrameBatch("made://", (picture,), numbers, numbers, Fraction(1, 25), 0)
        canvas_bytes = 64 * 32 * 3 // 2
        free = device.soc.memory_bytes - device.memory.used_bytes
        rest = device.memory.allocate(free - 2 * canvas_bytes, "something else")
        used = device.memory.used_bytes
        boxes = boxes_in([(10, 10, 90, 90)] * 4, [0] * 4)
        with pytest.raises(DeviceOutOfMemoryError):
            net.detect_in(batch, boxes)
        assert device.memory.used_bytes == used
        rest.free()
        release(batch)
