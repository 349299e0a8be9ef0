"""The end of the classic network, YoloV3DetectionOutput: its head, its boxes, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from caffe_nets import Array, caffemodel, layer
from classic import BIASES, CLASSES, SIDE, classic, weights
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.caffe.convert import Converted, convert_caffe
from fleet.models.heads import Candidates, head_named
from fleet.models.nms import suppress
from fleet.models.session import open_session


def straight(maps: Sequence[Array]) -> list[tuple[int, float, list[float]]]:
    """Decode every box, number by number, as the paper of YOLOv3 says it."""

    def sigmoid(value: float) -> float:
        return float(1 / (1 + np.exp(-value)))

    found: list[tuple[int, float, list[float]]] = []
    for values, biases in zip(maps, BIASES, strict=True):
        sizes = [float(number) for number in biases.split()]
        _, _, rows, columns = values.shape
        for box, row, column in product(range(3), range(rows), range(columns)):
            one = values[0, box * (5 + CLASSES) : (box + 1) * (5 + CLASSES), row, column]
            x, y, w, h, objectness, *classes = (float(value) for value in one)
            best = int(np.argmax(classes))
            score = sigmoid(objectness) * sigmoid(classes[best])
            centre = ((column + sigmoid(x)) * SIDE / columns, (row + sigmoid(y)) * SIDE / rows)
            # The head's own limit: a thousand times the anchor is larger than any picture.
            growth = (min(np.exp(w), 1000), min(np.exp(h), 1000))
            half = (growth[0] * sizes[2 * box] / 2, growth[1] * sizes[2 * box + 1] / 2)
            box_ = [
                centre[0] - half[0],
                centre[1] - half[1],
                centre[0] + half[0],
                centre[1] + half[1],
            ]
            found.append((best, score, [float(side) for side in box_]))
    return found


def surviving(found: Candidates, overlap: float) -> tuple[list[int], float]:
    """Suppress box by box; return those that stay, and how near any overlap came to the limit."""
    kept: list[int] = []
    nearest = 1.0
    for at in sorted(range(len(found)), key=lambda at: (-found.score[at], at)):
        rivals = [k for k in kept if found.class_id[k] == found.class_id[at]]
        shared = [iou(found.xyxy[k].tolist(), found.xyxy[at].tolist()) for k in rivals]
        nearest = min([nearest, *(abs(value - overlap) for value in shared)])
        if all(value <= overlap for value in shared):
            kept.append(at)
    return kept, nearest


def iou(one: list[float], other: list[float]) -> float:
    """Return the intersection over union of two boxes; 0 where neither has an area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    union = sum(areas) - shared
    return shared / union if union else 0.0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
@example(2055)  # Two of its boxes are so narrow that they have no area.
def test_the_end_of_the_classic_network_is_the_head(seed: int) -> None:
    """Its anchors, classes and overlap make the boxes that a straight reading makes."""
    made = convert_caffe(classic(), caffemodel(weights(seed)))
    assert made.end is not None
    session = open_session(made.onnx_bytes, "classic")
    data = np.random.default_rng(seed).uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    maps = [np.asarray(values, np.float32) for values in session.run(None, {"data": data})]
    (found,) = head_named("yolov3", made.end.anchors).decode(maps, Size(SIDE, SIDE), 0.0)
    wanted = straight(maps)
    assert len(wanted) == 3 * (2 * 2 + 4 * 4 + 8 * 8)
    assert found.class_id.tolist() == [item[0] for item in wanted]
    np.testing.assert_allclose(found.score, [item[1] for item in wanted], rtol=1e-5)
    boxes: NDArray[np.float64] = np.array([item[2] for item in wanted])
    np.testing.assert_allclose(found.xyxy, boxes, rtol=1e-4, atol=1e-4)
    kept, nearest = surviving(found, 0.4)
    assume(nearest > 1e-6)
    assert suppress(found.xyxy, found.score, found.class_id, made.end.iou).tolist() == kept


def convert(text: str) -> Converted:
    """Convert a text with the classic network's weights."""
    return convert_caffe(text, caffemodel(weights(0)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('yolo_version: "V3"', 'yolo_version: "V2"', "the layer 'yolo1' of type Yolo is of V2"),
        ("coords: 4 classes: 2", "coords: 4 classes: 9", "9 classes make 42 channels"),
        ("boxes: 3 classes: 2 relative", "boxes: 3 classes: 4 relative", "and a Yolo before it others"),
        ("biases_low: 30 ", "", "has [5, 6, 6] biases"),
        ('bottom: "yolo1_coords" bottom: "yolo2_coords"', 'bottom: "yolo2_coords" bottom: "yolo1_coords"', "does not read three Yolo layers"),
        ("relative: true", "relative: false", "is not relative"),
        ('bottom: "img_info"', 'bottom: "fine"', "reads 'img_info' [1, 4] besides a picture"),
        ("dim: 1 dim: 4 }", "dim: 1 dim: 5 }", "reads 'img_info' [1, 5] besides a picture"),
    ],
)  # fmt: skip
def test_an_end_whose_parts_do_not_belong_together_is_refused(
    old: str, new: str, said: str
) -> None:
    """With the layer and both sides."""
    text = classic()
    assert old in text
    with pytest.raises(ModelRefusedError) as refusal:
        convert(text.replace(old, new))
    assert said in str(refusal.value)


def test_a_yolo_without_an_end_is_refused() -> None:
    """ATC demands the end behind it."""
    text = classic()
    alone = text[: text.index('layer { name: "box_out"')]
    with pytest.raises(ModelRefusedError, match="Nothing reads 'yolo1_coords'"):
        convert(alone)
    read = alone + layer("ReLU", ["yolo1_obj"], ["r"])
    with pytest.raises(ModelRefusedError, match="Only a YoloV3DetectionOutput may"):
        convert(read)
