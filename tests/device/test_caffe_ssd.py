"""SSD of Caffe: prior boxes, the normalisation, and its end, each against its definition in loops."""

from __future__ import annotations

from itertools import product
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from caffe_nets import caffemodel, layer, prototxt
from command import fleet_here
from hypothesis import given, settings
from hypothesis import strategies as st
from ssd_caffe import CLASSES, SIDES, Priors, ssd, straight, weights

from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.caffe.convert import Converted, convert_caffe
from fleet.models.card import read_card
from fleet.models.heads import Output, head_named, settings_of
from fleet.models.session import open_session

SEEDS = 50


def convert(text: str, seed: int = 0) -> Converted:
    """Convert a text with weights."""
    return convert_caffe(text, weights(seed))


@pytest.mark.parametrize("batch", [1, 2])
def test_the_end_is_the_head_on_fifty_random_tensors(batch: int) -> None:
    """Prior boxes, softmax, offsets: the boxes of a reading in loops, for each picture of a batch."""
    made = convert(ssd(batch=batch))
    assert made.end is not None
    assert (made.end.head, made.end.classes, made.end.iou) == ("ssd", CLASSES, 0.4)
    session = open_session(made.onnx_bytes, "ssd")
    outputs = tuple(Output(o.name, tuple(o.shape)) for o in session.get_outputs())
    arranged = head_named("ssd").arranged(outputs, CLASSES)
    head = head_named("ssd", settings=settings_of(arranged))
    size = Size(SIDES[1], SIDES[0])
    assert head.explain_mismatch([output.shape for output in outputs], CLASSES, size) is None
    boxes = 0
    for seed in range(SEEDS):
        data = np.random.default_rng(seed).normal(0, 1, (batch, 3, *SIDES)).astype(np.float32)
        raw = {
            output.name: np.asarray(value, np.float32)
            for output, value in zip(outputs, session.run(None, {"data": data}), strict=True)
        }
        threshold = 0.3 + 0.4 * seed / SEEDS
        found = head.decode([raw[output.name] for output in outputs], size, threshold)
        assert len(found) == batch
        for number, one in enumerate(found):
            wanted = straight(raw["mbox_loc"][number], raw["mbox_conf_flatten"][number], threshold)
            table = np.column_stack([one.xyxy, one.score, one.class_id])
            np.testing.assert_allclose(table, wanted, rtol=1e-5, atol=1e-3)
            boxes += len(wanted)
    assert boxes > SEEDS


numbers = st.floats(1, 40).map(lambda value: round(value, 2))


@st.composite
def parameters(draw: st.DrawFn) -> Priors:
    """Draw the parameters of a PriorBox."""
    least = tuple(draw(st.lists(numbers, min_size=1, max_size=3)))
    return Priors(
        least,
        tuple(low + draw(numbers) for low in least) if draw(st.booleans()) else (),
        tuple(draw(st.lists(st.sampled_from([1.0, 2.0, 0.5, 3.0, 2.0]), max_size=4))),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from([(0.1,), (0.1, 0.1, 0.2, 0.2), (0.3, 0.2, 0.1, 0.4)])),
        draw(st.sampled_from([0.0, 8.0, 7.5])),
        draw(st.sampled_from([0.5, 0.0, 0.25])),
    )


@settings(max_examples=50, deadline=None)
@given(parameters(), st.integers(1, 5), st.integers(1, 5))
def test_prior_boxes_are_those_of_caffe(priors: Priors, rows: int, columns: int) -> None:
    """In their order, with their variances, whatever the parameters."""
    size = f"pooling_param {{ kernel_h: {SIDES[0] // rows} kernel_w: {SIDES[1] // columns} stride_h: {SIDES[0] // rows} stride_w: {SIDES[1] // columns} }}"
    net = prototxt(
        (1, 3, *SIDES),
        layer("Pooling", ["data"], ["map"], size),
        layer("PriorBox", ["map", "data"], ["priors"], priors.text),
    )
    made = convert_caffe(net, caffemodel({"unused": [np.zeros(1, np.float32)]}))
    session = open_session(made.onnx_bytes, "priors")
    (found,) = session.run(None, {"data": np.zeros((1, 3, *SIDES), np.float32)})
    height, width = (-(-SIDES[0] // (SIDES[0] // rows)), -(-SIDES[1] // (SIDES[1] // columns)))
    wanted = [side for box in priors.boxes(height, width) for side in box]
    assert found.shape == (1, 2, len(wanted))
    np.testing.assert_allclose(found[0, 0], wanted, rtol=1e-5, atol=1e-6)
    each = list(priors.variance) * (4 // len(priors.variance))
    np.testing.assert_allclose(found[0, 1], each * (len(wanted) // 4), rtol=1e-6)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_a_normalisation_is_its_definition(*, across: bool, shared: bool) -> None:
    """By the length of the vector at each place, or of all numbers of a picture."""
    rng = np.random.default_rng(3)
    scale = rng.uniform(1, 3, 1 if shared else 3).astype(np.float32)
    words = f"across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()}"
    net = prototxt((2, 3, 4, 5), layer("Normalize", ["data"], ["n"], f"norm_param {{ {words} }}"))
    made = convert_caffe(net, caffemodel({"n": [scale]}))
    data = rng.normal(0, 1, (2, 3, 4, 5)).astype(np.float32)
    (found,) = open_session(made.onnx_bytes, "n").run(None, {"data": data})
    for item, channel, row, column in product(*map(range, data.shape)):
        part = data[item] if across else data[item, :, row, column]
        length = sqrt(sum(float(value) ** 2 for value in part.ravel()))
        factor = float(scale[0 if shared else channel])
        wanted = float(data[item, channel, row, column]) / length * factor
        assert found[item, channel, row, column] == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("iou_threshold: 0.4", "code_type: 1", "has code_type: 1. The head ssd reads code_type: 2"),
        ("iou_threshold: 0.4", "share_location: false", "has share_location: false"),
        ("iou_threshold: 0.4", "background_label_id: 3", "has background_label_id: 3"),
        ("iou_threshold: 0.4", "variance_encoded_in_target: true", "reads variance_encoded_in_target: false"),
        ("iou_threshold: 0.4", "eta: 0.5", "has eta: 0.5"),
        ("num_classes: 4", "num_classes: 5", "[1, 1248], [1, 2, 1248] for 5 classes"),
        ("num_classes: 4", "num_classes: 1", "for 1 classes"),
        ('bottom: "mbox_loc" bottom: "flat"', 'bottom: "mbox_loc" bottom: "softmax"', "[1, 312, 4]"),
        ("min_size: 10.0", "", "has 0 min_size and 1 max_size"),
        ("max_size: 20.0", "max_size: 5.0", "a max_size that is not above its min_size"),
        ("aspect_ratio: 3.0", "aspect_ratio: -3.0", "has an aspect_ratio of -3"),
        ("variance: 0.2", "", "has the variances 0.1, 0.1, 0.2."),
        ('type: "PriorBox" bottom: "n"', 'type: "PriorBox" bottom: "mbox_bad"', "reads 'mbox_bad'"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_refused(old: str, new: str, said: str) -> None:
    """With the layer, and what would be read."""
    text = ssd()
    assert old in text
    with pytest.raises(ModelRefusedError) as refused:
        convert(text.replace(old, new, 1))
    assert said in str(refused.value)


def test_atc_compiles_it_and_a_job_may_run_it(tmp_path: Path) -> None:
    """Head, number of classes and overlap come of its end; the warning says what takes its place."""
    (tmp_path / "net.prototxt").write_text(ssd())
    (tmp_path / "net.caffemodel").write_bytes(weights(0))
    usual = ("--framework=0", "--model=net.prototxt", "--weight=net.caffemodel")
    options = ("--soc_version=Ascend310", "--output=ssd", "--log=info")
    done = fleet_here("atc", *usual, *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SSDDetectionOutput is done by the head ssd" in done.stdout
    card = read_card((tmp_path / "ssd.om").read_bytes(), "ssd.om")
    assert (card.head, card.iou, len(card.labels)) == ("ssd", 0.4, CLASSES)
