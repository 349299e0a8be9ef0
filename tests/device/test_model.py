"""A network on a device: what it sees, what it finds, what it costs, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime
import pytest
from networks import BLUE, GREEN, LABELS, RED, colour_network, flat_nv12
from numpy.typing import NDArray
from onnx import TensorProto

from fleet.ascend.aipp import Aipp
from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.soc import CHIPS, Ascend310P3, Ascend910A, Soc, soc
from fleet.ascend.surface import in_memory, tight, upload
from fleet.core.frames import ChannelOrder, Colour, Detections, FrameBatch, Picture
from fleet.core.geometry import Fit, Size, stretch
from fleet.device import Device
from fleet.errors import DeviceError, DeviceOutOfMemoryError, ModelRefusedError, UsageError
from fleet.models.compiler.compile import compile_model, read_labels
from fleet.models.network import Network

CHIP = soc("Ascend310")
CANVAS = Size(64, 32)
BOX = (20.0, 10.0, 8.0, 4.0)


@pytest.fixture
def device() -> Iterator[Device]:
    """A device, closed at the end; nothing may be held on it then but what is its own."""
    with Device(CHIP) as opened:
        yield opened
    assert opened.memory.used_bytes == 0


def network(device: Device, content: bytes | None = None, **options: Any) -> Network:
    """Compile a network of YOLOv8's layout and load it."""
    asked: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "name": "made", "soc": CHIP}
    asked |= options
    om = compile_model(colour_network() if content is None else content, **asked)
    loaded = Network(device.soc, device.memory, device.clock, device.vpc, om, "made.om")
    device._opened.append(loaded)
    return loaded


def picture(device: Device, yuv: tuple[int, int, int] = RED, size: Size = CANVAS) -> Picture:
    """One colour all over, in device memory."""
    return upload(device.soc, device.memory, flat_nv12(size, yuv), Colour())


def batch_of(*pictures: Picture) -> FrameBatch:
    """A batch of pictures of one video."""
    numbers = np.arange(len(pictures), dtype=np.int64)
    return FrameBatch("made://", pictures, numbers, numbers, Fraction(1, 25), 0)


def found(
    net: Network, *pictures: Picture, threshold: float = 0.6, iou: float | None = None
) -> Detections:
    """Detect, then release the pictures."""
    try:
        return net.detect(batch_of(*pictures), threshold, iou)
    finally:
        for held in pictures:
            held.release()


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
    (raw,) = net.execute(net._feed([dark], net.card.fit.place(dark.size, net.card.size)))
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


def test_both_clocks_are_kept(device: Device) -> None:
    """Modelled time by the batches run, full or not; CPU time by stage."""
    content = colour_network(lengths=("n", 32, 64))
    net = network(device, content, batch=2)
    found(net, picture(device), picture(device), picture(device))
    clock = device.clock.snapshot()
    assert clock.chip_s["model"] == pytest.approx(2 * net.card.chip_s(CHIP))
    assert clock.chip_s["vpc"] > 0
    assert set(clock.host_s) == {"vpc", "aipp", "model", "head"}


def test_memory_is_accounted_for_until_the_network_is_closed(device: Device) -> None:
    """Weights, workspace, input and output; pictures on the way are given back."""
    before = device.memory.used_bytes
    net = network(device)
    held = device.memory.by_holder()["model made"]
    assert net.card.memory_bytes <= held < net.card.memory_bytes + 128
    found(net, picture(device))
    assert device.memory.used_bytes == before + held
    net.close()
    net.close()
    assert device.memory.used_bytes == before
    with pytest.raises(DeviceError, match=r"closed.*145003"):
        net.execute(np.zeros((1, 3, 32, 64), np.float32))


def test_a_model_larger_than_the_memory_is_refused() -> None:
    """Compiled for the chip, and the chip is full."""
    om = compile_model(colour_network(), head="yolov8", labels=LABELS, name="made", soc=CHIP)
    small = replace(CHIP, memory_bytes=CHIP.vpc.command_bytes + 2**12)
    with (
        Device(small) as device,
        pytest.raises(DeviceOutOfMemoryError, match="model made asks for"),
    ):
        Network(device.soc, device.memory, device.clock, device.vpc, om, "made.om")


def test_a_model_of_another_chip_is_refused(device: Device) -> None:
    """545001, ACL_ERROR_GE_LOAD_MODEL."""
    with pytest.raises(DeviceError, match=r"for Ascend910A.*Ascend310.*545001"):
        network(device, soc=replace(CHIP, name="Ascend910A"))


@pytest.mark.parametrize("content", [b"", b"plain text", colour_network()])
def test_what_is_not_compiled_is_refused(device: Device, content: bytes) -> None:
    """The way out is the command that compiles."""
    with pytest.raises(
        ModelRefusedError, match=r"made\.onnx is not a compiled model.*fleet compile"
    ):
        Network(device.soc, device.memory, device.clock, device.vpc, content, "made.onnx")


@pytest.mark.parametrize(
    ("tensor", "code"),
    [
        (np.zeros((2, 3, 32, 64), np.float32), 145021),
        (np.zeros((1, 3, 64, 32), np.float32), 145021),
        (np.zeros((1, 3, 32, 64), np.uint8), 145022),
    ],
)
def test_an_input_of_another_form_is_refused(
    device: Device, tensor: NDArray[np.generic], code: int
) -> None:
    """With AscendCL's number for shape and type."""
    with pytest.raises(DeviceError, match=str(code)) as refused:
        network(device).execute(tensor)
    assert refused.value.code == code


def test_a_loaded_model_is_closed_with_its_device(tmp_path: Path) -> None:
    """Device.load and Device.close."""
    om = compile_model(colour_network(), head="yolov8", labels=LABELS, name="made", soc=CHIP)
    (tmp_path / "made.om").write_bytes(om)
    with Device(CHIP) as device:
        net = device.load(str(tmp_path / "made.om"))
        assert found(net, picture(device)).label == ["first"]
    assert device.memory.used_bytes == 0
    with pytest.raises(DeviceError, match="145003"):
        net.execute(np.zeros((1, 3, 32, 64), np.float32))


@pytest.fixture(scope="module")
def frames(town: Path) -> list[av.VideoFrame]:
    """Frames 0, 50 ... 300 of the town, as libav decodes them."""
    with av.open(str(town)) as container:
        return [
            f for number, f in enumerate(islice(container.decode(video=0), 301)) if number % 50 == 0
        ]


@pytest.fixture
def fastestdet(device: Device, fastestdet_onnx: Path, coco_names: Path) -> Network:
    """The real detector on a device."""
    labels = read_labels(coco_names.read_text(), "coco.names")
    return network(device, fastestdet_onnx.read_bytes(), head="fastestdet", labels=labels)


def reference(raw: NDArray[np.float32], size: Size, threshold: float) -> NDArray[np.float32]:
    """FastestDet's decode and suppression as its users write them: x1, y1, x2, y2, score, class."""
    _, rows, columns = raw.shape
    classes = raw[5:]
    score = raw[0] ** 0.6 * classes.max(0) ** 0.4
    ys, xs = np.nonzero(score > threshold)
    box = raw[1:5, ys, xs]
    cx, cy = (xs + np.tanh(box[0])) / columns, (ys + np.tanh(box[1])) / rows
    w, h = 1 / (1 + np.exp(-box[2])), 1 / (1 + np.exp(-box[3]))
    sides = [
        (cx - w / 2) * size.width,
        (cy - h / 2) * size.height,
        (cx + w / 2) * size.width,
        (cy + h / 2) * size.height,
    ]
    table = np.stack([*sides, score[ys, xs], classes.argmax(0)[ys, xs]], 1).astype(np.float32)
    table = table[np.argsort(-table[:, 4], kind="stable")]
    kept: list[NDArray[np.float32]] = []
    for row in table:
        if all(iou(row, other) <= 0.45 for other in kept):
            kept.append(row)
    return np.array(kept)


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


def on_device(device: Device, frame: av.VideoFrame) -> Picture:
    """A decoded frame in device memory."""
    return in_memory(device.soc, device.memory, frame, Colour(), 0, "frame")


def table(boxes: Detections) -> NDArray[np.float32]:
    """Detections as the reference has them."""
    return np.column_stack([boxes.xyxy, boxes.score, boxes.class_id])


def test_the_real_detector_is_read_exactly(
    device: Device, fastestdet: Network, frames: list[av.VideoFrame]
) -> None:
    """Same tensor, raw outputs and the reference's reading: the same boxes in the same order."""
    town = on_device(device, frames[-1])
    small = device.vpc.place(town, stretch(town.size, fastestdet.card.size))
    aipp = Aipp(fastestdet.card.aipp, fastestdet.card.size, 1, np.float32)
    raw = fastestdet.execute(aipp.run(tight(small)[None], town.colour))[0]
    small.release()
    expected = reference(raw[0].astype(np.float32), town.size, 0.4)
    boxes = found(fastestdet, town, threshold=0.4)
    np.testing.assert_allclose(table(boxes), expected, atol=2e-3)
    assert len(boxes) == pytest.approx(17, abs=2)


def test_the_real_detector_agrees_with_another_path(
    device: Device, fastestdet: Network, fastestdet_onnx: Path, frames: list[av.VideoFrame]
) -> None:
    """Against RGB by libswscale, ONNX Runtime and the reference: nearly all sure boxes shared."""
    session = onnxruntime.InferenceSession(fastestdet_onnx, providers=["CPUExecutionProvider"])
    shared: list[bool] = []
    for frame in frames:
        bgr = frame.reformat(352, 352, "bgr24", interpolation="BILINEAR").to_ndarray()
        tensor = np.ascontiguousarray(bgr.transpose(2, 0, 1)[None], np.float32) / 255
        (raw,) = session.run(None, {"input.1": tensor})
        theirs = reference(raw[0], Size(frame.width, frame.height), 0.4)
        ours = table(found(fastestdet, on_device(device, frame), threshold=0.4))
        for one, other in ((ours, theirs), (theirs, ours)):
            sure = one[one[:, 4] >= 0.5]
            shared += [any(iou(row, k) >= 0.7 and row[5] == k[5] for k in other) for row in sure]
    assert len(shared) > 100
    assert np.mean(shared) >= 0.95


@pytest.mark.parametrize("chip", [Ascend310P3, Ascend910A], ids=lambda chip: str(chip.name))
def test_another_chip_finds_the_same(device: Device, chip: Soc) -> None:
    """The same network over the same picture, letterboxed: equal rows on every chip."""
    own = found(network(device, fit=Fit.LETTERBOX), picture(device, size=Size(320, 240)))
    with Device(chip) as other:
        theirs = network(other, soc=chip, fit=Fit.LETTERBOX)
        boxes = found(theirs, picture(other, size=Size(320, 240)))
    assert len(own.score)
    assert np.array_equal(own.xyxy, boxes.xyxy)
    assert np.array_equal(own.score, boxes.score)


def test_a_model_of_one_chip_is_refused_by_every_other(device: Device) -> None:
    """545001, in each direction (docs/chip.md#model-load-soc)."""
    del device
    for chip, other in permutations(CHIPS.values(), 2):
        with Device(other) as opened, pytest.raises(DeviceError, match="545001"):
            network(opened, soc=chip)


def test_a_model_that_does_not_fit_has_a_number_of_its_own() -> None:
    """245000, a MemoryError as well (docs/chip.md#model-load-memory)."""
    with Device(CHIP) as opened:
        free = opened.memory.budget_bytes - opened.memory.used_bytes
        opened.memory.allocate(free - 128, "filler")
        with pytest.raises(DeviceOutOfMemoryError, match="245000"):
            network(opened)
