"""A network on a device: what it sees, and what it finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from loaded import BOX, batch_of, found, network, picture
from networks import BLUE, GREEN, LABELS, RED, colour_network, flat_nv12
from onnx import TensorProto

from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.surface import upload
from fleet.core.frames import ChannelOrder, Colour
from fleet.core.geometry import Fit, Size
from fleet.device import Device
from fleet.errors import UsageError


def test_boxes_come_back_in_the_pictures_own_pixels(device: Device) -> None:
    """A picture twice the canvas, squeezed: each axis by its own factor."""
    net = network(device, fit=Fit.STRETCH)
    boxes = found(net, picture(device, size=Size(128, 96)))
    assert boxes.xyxy.tolist() == [[32.0, 24.0, 48.0, 36.0]]
    assert boxes.label == ["first"]
    assert boxes.picture.tolist() == [0]


def test_a_letterboxed_box_comes_back_without_the_border(device: Device) -> None:
    """48x48 on a canvas of 64x32: at two thirds of its size, 32x32, from column 16 on."""
    net = network(device)
    boxes = found(net, picture(device, size=Size(48, 48)), threshold=0.3)
    assert boxes.xyxy.tolist() == [[0.0, 12.0, 12.0, 18.0]]


def test_the_border_is_the_gray_of_training(device: Device) -> None:
    """A black square on the canvas: half of it border, gray 114 of 255 in each channel."""
    net = network(device)
    dark = picture(device, (16, 128, 128), Size(48, 48))
    ((tensor, _),) = net.inputs(batch_of(dark))
    (raw,) = net.execute(tensor)
    dark.release()
    assert raw[0, 4:, 0] == pytest.approx([114 / 255 / 2] * 3, abs=2e-3)


def test_boxes_are_not_clipped(device: Device) -> None:
    """A box that reaches past the edge says so."""
    net = network(device, colour_network([(0.0, 0.0, 10.0, 6.0)]))
    assert found(net, picture(device)).xyxy.tolist() == [[-5.0, -3.0, 5.0, 3.0]]


@pytest.mark.parametrize(("yuv", "label"), [(RED, "first"), (GREEN, "second"), (BLUE, "third")])
def test_the_network_sees_the_channels_in_its_order(
    device: Device, yuv: tuple[int, int, int], label: str
) -> None:
    """RGB as the head says; BGR when asked for, so that red and blue change places."""
    assert found(network(device), picture(device, yuv)).label == [label]
    other = dict(zip(LABELS, reversed(LABELS), strict=True))[label]
    assert found(network(device, order=ChannelOrder.BGR), picture(device, yuv)).label == [other]


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.UINT8])
def test_other_kinds_of_input_are_fed(device: Device, dtype: int) -> None:
    """float16 in 0..1; uint8 in 0..255, since nothing is scaled for it."""
    boxes = found(network(device, colour_network(dtype=dtype)), picture(device))
    top = 255 if dtype == TensorProto.UINT8 else 1
    assert boxes.label[0] == "first"
    assert boxes.score[0] == pytest.approx(top, rel=0.02)


def test_an_aipp_crop_and_padding_are_undone(device: Device) -> None:
    """A canvas of 64x32 cut from 80x40 at (8, 4), less a padding of 6 and 2."""
    aipp = AippConfig(
        src_image_size_w=80,
        src_image_size_h=40,
        crop=True,
        load_start_pos_w=8,
        load_start_pos_h=4,
        crop_size_w=58,
        crop_size_h=30,
        padding=True,
        left_padding_size=6,
        top_padding_size=2,
        order=ChannelOrder.RGB,
        var_reci_chn=(1 / 255, 1 / 255, 1 / 255),
    )
    net = network(device, aipp=aipp, fit=Fit.STRETCH)
    boxes = found(net, picture(device, size=Size(160, 80)))
    shifted = [16 + 8 - 6, 8 + 4 - 2, 24 + 8 - 6, 12 + 4 - 2]
    assert boxes.xyxy.tolist() == [[side * 2.0 for side in shifted]]


def test_the_colour_that_a_picture_declares_is_followed(device: Device) -> None:
    """The same samples, wide and narrow: another mean."""
    net = network(device)
    gray = flat_nv12(Size(64, 32), (128, 128, 128))
    scores = []
    for colour in (Colour(), Colour(range="wide")):  # type: ignore[arg-type]
        held = upload(device.soc, device.memory, gray, colour)
        scores.append(found(net, held, threshold=0.1).score[0])
    assert scores == pytest.approx([130 / 255, 128 / 255], rel=1e-3)


def test_suppression_follows_the_head_and_the_caller(device: Device) -> None:
    """0.7 is YOLOv8's own; a caller's overlap replaces it."""
    net = network(device, colour_network([BOX, (21.0, 10.0, 8.0, 4.0), (50.0, 20.0, 8.0, 4.0)]))
    assert len(found(net, picture(device))) == 2
    assert len(found(net, picture(device), iou=0.9)) == 3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_pictures_are_taken_in_groups_of_the_models_batch(device: Device, count: int) -> None:
    """The last group may be short; each picture's rows are its own, whatever its neighbours."""
    yuvs = [RED, GREEN, BLUE, GREEN, RED, RED, BLUE][:count]
    content = colour_network(lengths=("n", 32, 64))
    single = found(network(device, content), *(picture(device, yuv) for yuv in yuvs))
    grouped = found(network(device, content, batch=3), *(picture(device, yuv) for yuv in yuvs))
    names = {RED: "first", GREEN: "second", BLUE: "third"}
    assert grouped.picture.tolist() == list(range(count))
    assert grouped.label == [names[yuv] for yuv in yuvs]
    for column in ("picture", "xyxy", "score", "class_id"):
        np.testing.assert_array_equal(getattr(grouped, column), getattr(single, column))


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("held", [1, 4, 7])
def test_pictures_that_wait_together_are_found_as_alone(
    device: Device, monkeypatch: pytest.MonkeyPatch, together: int, held: int
) -> None:
    """Scaled some at a time, outputs read some at a time: each input and each box its own."""
    colours = [RED, GREEN, BLUE, GREEN, GREEN, RED, BLUE, RED]
    alone = network(device)
    pictures = [picture(device, colour) for colour in colours]
    inputs = [next(alone.inputs(batch_of(one)))[0].tobytes() for one in pictures]
    outputs = sum(
        output.nbytes for output in alone.execute(next(alone.inputs(batch_of(pictures[0])))[0])
    )
    monkeypatch.setattr("fleet.models.feeder.MOST_AHEAD", 9)
    monkeypatch.setattr("fleet.models.feeder.HELD_BYTES", held * alone.card.input_bytes)
    monkeypatch.setattr("fleet.models.feeder.FED_BYTES", together * len(inputs[0]))
    monkeypatch.setattr("fleet.models.reading.KEPT_BYTES", together * outputs)
    net = network(device)
    assert [tensor.tobytes() for tensor, _ in net.inputs(batch_of(*pictures))] == inputs
    boxes = found(net, *pictures)
    assert boxes.picture.tolist() == list(range(8))
    order = dict(zip((RED, GREEN, BLUE), LABELS, strict=True))
    assert boxes.label == [order[colour] for colour in colours]


@pytest.mark.parametrize("use", ["detect", "detect_in", "convert", "inputs"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_network_that_is_used_between_its_inputs_says_so(
    device: Device, use: str, after: int
) -> None:
    """Those made ahead would be of other pictures; once the last is taken, nothing is in the way."""
    net, pictures = network(device), [picture(device, colour) for colour in (RED, GREEN, BLUE)]
    other = batch_of(pictures[-1])
    boxes = network(device).detect(other, 0.1)
    assert len(boxes)
    uses: dict[str, Callable[[], object]] = {
        "detect": lambda: net.detect(other, 0.1),
        "detect_in": lambda: net.detect_in(other, boxes, threshold=0.1),
        "convert": lambda: net.convert(flat_nv12(net.card.size, BLUE)[np.newaxis]),
        "inputs": lambda: next(net.inputs(other)),
    }
    inputs = net.inputs(batch_of(*pictures))
    for _ in range(after):
        net.execute(next(inputs)[0])
    uses[use]()
    if after == len(pictures):
        assert next(inputs, None) is None
    else:
        with pytest.raises(UsageError, match="between two of its inputs") as raised:
            next(inputs)
        assert "load it once more" in raised.value.way_out
    for each in pictures:
        each.release()


def test_nothing_found_is_an_empty_table(device: Device) -> None:
    """With all its columns."""
    boxes = found(network(device), picture(device), threshold=1.0)
    assert len(boxes) == 0
    assert set(boxes.rows().columns) == {"label", "class_id", "score", "x1", "y1", "x2", "y2"}


@pytest.mark.parametrize(
    ("threshold", "iou"), [(-0.1, None), (1.5, None), (float("nan"), None), (0.5, 2.0)]
)
def test_a_threshold_is_a_number_from_0_to_1(
    device: Device, threshold: float, iou: float | None
) -> None:
    """Refused before anything runs."""
    net = network(device)
    with pytest.raises(UsageError, match="from 0 to 1"):
        found(net, picture(device), threshold=threshold, iou=iou)
    assert "model" not in device.clock.snapshot().chip_s
