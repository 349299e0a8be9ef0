"""The real detector on a device, against its definition and another path."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import numpy as np
import onnxruntime
import pytest
from loaded import found, network, picture
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.ascend.soc import Ascend310P3, Ascend910A, Soc
from fleet.ascend.surface import in_memory, tight
from fleet.core.frames import Colour, Detections, Picture
from fleet.core.geometry import Fit, Size, stretch
from fleet.device import Device
from fleet.models.compiler.compile import read_labels
from fleet.models.network import Network


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
