"""Compiling by what a network says of itself: heads, labels and anchors."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from networks import LABELS, colour_network, compiled, serialized
from onnx import TensorProto

from fleet.ascend.soc import soc
from fleet.errors import ModelRefusedError
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model, describe
from fleet.models.heads import parse_anchors

CHIP = soc("Ascend310")
FLOAT = TensorProto.FLOAT


def raw_maps(channels: int = 16) -> bytes:
    """Build a network of YOLOv3's layout on 64 x 32: two maps, strides 8 and 16, all logits 2."""
    weights = {
        f"kernel{stride}": np.zeros((channels, 3, stride, stride), np.float32) for stride in (8, 16)
    } | {"bias": np.full(channels, 2, np.float32)}
    nodes = [
        onnx.helper.make_node(
            "Conv", ["images", f"kernel{stride}", "bias"], [f"map{stride}"], strides=[stride] * 2
        )
        for stride in (8, 16)
    ]
    outputs = [
        (f"map{stride}", FLOAT, (1, channels, 32 // stride, 64 // stride)) for stride in (8, 16)
    ]
    return serialized(nodes, [("images", FLOAT, (1, 3, 32, 64))], outputs, weights, 17)


def test_anchors_travel_in_the_card() -> None:
    """As given, in the digest, and said in the description; without them the card has none."""
    anchors = parse_anchors("4,6.5 10,10; 30,20 40,40")
    om = compiled(raw_maps(), head="yolov3", anchors=anchors)
    card = read_card(om, "made.om")
    assert card.anchors == anchors
    assert "4,6.5 10,10; 30,20 40,40" in describe(card)
    others = compiled(raw_maps(), head="yolov3", anchors=parse_anchors("4,6 10,10; 30,20 40,40"))
    assert read_card(others, "made.om").digest != card.digest
    plain = read_card(compiled(), "made.om")
    assert plain.anchors == ()
    assert "anchors" not in plain.to_json()


@pytest.mark.parametrize(
    ("channels", "head", "anchors", "said"),
    [
        (16, "yolov3", "", "--anchors"),
        (16, "yolov3", "4,6 10,10", "groups of anchors: 1, outputs: 2"),
        (16, "yolov3", "4,6 10,10; 30,20", r"1 anchors and 3 labels make 1 \* \(5 \+ 3\) = 8"),
        (18, "yolov3", "4,6 10,10; 30,20 40,40", "18 channels"),
        (16, "yolov8", "4,6 10,10; 30,20 40,40", "yolov8 has no anchors"),
    ],
)
def test_anchors_that_do_not_fit_are_refused(
    channels: int, head: str, anchors: str, said: str
) -> None:
    """Before anything runs on a device."""
    given = parse_anchors(anchors) if anchors else ()
    with pytest.raises(ModelRefusedError, match=said):
        compiled(raw_maps(channels), head=head, anchors=given)


NOTES = {
    "fleet.head": "yolov3",
    "fleet.labels": "walker\nrider\ncar",
    "fleet.anchors": "4,6.5 10,10; 30,20 40,40",
}


def noted(notes: dict[str, str], content: bytes | None = None) -> bytes:
    """The network of raw maps, with notes in its metadata."""
    model = onnx.load_model_from_string(content or raw_maps())
    onnx.helper.set_model_props(model, notes)
    changed: bytes = model.SerializeToString()
    return changed


def test_a_network_may_tell_how_it_is_read() -> None:
    """Head, labels and anchors from its metadata give the card that the same options give."""
    om = compile_model(noted(NOTES), name="made", soc=CHIP)
    card = read_card(om, "made.om")
    assert (card.head, card.labels) == ("yolov3", ("walker", "rider", "car"))
    assert card.anchors == parse_anchors(NOTES["fleet.anchors"])
    given = compiled(
        noted(NOTES), head="yolov3", labels=("walker", "rider", "car"), anchors=card.anchors
    )
    assert read_card(given, "made.om") == card


def test_what_is_given_counts_before_what_the_network_tells() -> None:
    """Each option by itself; anchors noted for one head are not another's."""
    labels = compile_model(noted(NOTES), labels=LABELS, name="made", soc=CHIP)
    assert read_card(labels, "made.om").labels == LABELS
    anchors = parse_anchors("4,6 10,10; 30,20 40,41")
    others = compile_model(noted(NOTES), anchors=anchors, name="made", soc=CHIP)
    assert read_card(others, "made.om").anchors == anchors
    wrong = NOTES | {"fleet.head": "sdd"}
    with pytest.raises(ModelRefusedError, match="--anchors"):
        compile_model(noted(wrong), head="yolov3", name="made", soc=CHIP)
    head = compile_model(noted(NOTES, colour_network()), head="yolov8", name="made", soc=CHIP)
    assert read_card(head, "made.om").anchors == ()


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("fleet.head", "--head yolov8"),
        ("fleet.labels", "--labels FILE"),
        ("fleet.anchors", "--anchors"),
    ],
)
def test_what_neither_tells_is_asked_for(without: str, said: str) -> None:
    """The way out is the option."""
    notes = {key: value for key, value in NOTES.items() if key != without}
    with pytest.raises(ModelRefusedError, match=said):
        compile_model(noted(notes), name="made", soc=CHIP)


@pytest.mark.parametrize(
    ("note", "value", "said"),
    [
        ("fleet.head", "sdd", "no head called 'sdd'"),
        ("fleet.labels", "walker\n\ncar", "one is empty"),
        ("fleet.labels", "", "labels are missing"),
        ("fleet.anchors", "4,6 ten", "'ten' is not an anchor"),
    ],
)
def test_notes_that_cannot_be_read_are_refused(note: str, value: str, said: str) -> None:
    """As the options would be."""
    with pytest.raises(ModelRefusedError, match=said):
        compile_model(noted(NOTES | {note: value}), name="made", soc=CHIP)
