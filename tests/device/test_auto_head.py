"""Networks whose head nothing states: recognised and compiled, or refused with what is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from command import fleet_here
from layouts import CANVAS, LAYOUTS, NAMES, ULTRALYTICS, Layout
from networks import LABELS, colour_network, plain_network

from fleet.ascend.soc import soc
from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_network, describe

CHIP = soc("Ascend310")
BY_NAME = {layout.name: layout for layout in LAYOUTS}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_each_layout_compiles_by_itself(layout: Layout) -> None:
    """From the file alone: head, labels and size; the line says why."""
    if layout.head == "yolov3":
        # Anchors are of the training: without them no raw maps are surely those of YOLOv3.
        with pytest.raises(ModelRefusedError, match=r"no head knows them.*--anchors"):
            compile_network(layout.network(), name="made", soc=CHIP)
        compiled = compile_network(layout.network(), name="made", soc=CHIP, anchors=layout.anchors)
    else:
        compiled = compile_network(layout.network(), name="made", soc=CHIP, head="auto")
    card = read_card(compiled.om, "made.om")
    assert (card.head, card.labels, card.size) == (layout.head, layout.labels, CANVAS)
    assert compiled.reading.startswith(f"{layout.head}: ")
    assert f"{len(layout.labels)} labels of its metadata" in compiled.reading


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_labels_of_another_length_are_named(layout: Layout) -> None:
    """Whatever the head, where it says how many classes it has: never that nobody knows it."""
    labels = (*layout.labels, "one too many")
    refusal, read, anchors = "", labels, layout.anchors
    try:
        compiled = compile_network(
            layout.network(), name="made", soc=CHIP, labels=labels, anchors=anchors
        )
        read = read_card(compiled.om, "made.om").labels
    except ModelRefusedError as error:
        refusal = error.message
    assert read == labels
    assert "no head knows them" not in refusal
    assert not refusal or str(len(labels)) in refusal


def told(content: bytes, metadata: dict[str, str]) -> bytes:
    """A network with an exporter's metadata."""
    model = onnx.load_model_from_string(content)
    onnx.helper.set_model_props(model, metadata)
    changed: bytes = model.SerializeToString()
    return changed


def test_an_export_with_open_sizes_says_its_size_and_thresholds() -> None:
    """`imgsz` is height and width; `args` has the thresholds of its suppression."""
    args = {"args": "{'conf': 0.25, 'iou': 0.6, 'nms': False}"}
    content = told(colour_network(lengths=("n", "h", "w")), ULTRALYTICS | args)
    card = read_card(compile_network(content, name="made", soc=CHIP).om, "made.om")
    assert (card.head, card.labels, card.size) == ("yolov8", NAMES, Size(96, 64))
    assert (card.threshold, card.iou) == (0.25, 0.6)
    assert "0.25, by its exporter" in describe(card)
    given = compile_network(content, name="made", soc=CHIP, size=Size(128, 32), labels=LABELS)
    card = read_card(given.om, "made.om")
    assert (card.size, card.labels) == (Size(128, 32), LABELS)


@pytest.mark.parametrize(
    "value", ["{1: 'a', 2: 'b', 3: 'c'}", "{0: 1, 1: 2, 2: 3}", "[" * 200, "'walker'", "a b", "[]"]
)
def test_names_that_are_no_names_are_none(value: str) -> None:
    """The labels are asked for, with their number."""
    with pytest.raises(ModelRefusedError, match="--labels FILE of 3 lines"):
        compile_network(
            told(BY_NAME["YOLOv8 with labels alone"].network(), {"names": value}),
            name="made",
            soc=CHIP,
        )


def test_the_labels_decide_between_two_heads() -> None:
    """Without them, 35 columns a cell may be NanoDet's of 3 classes, or YOLOX's of 30."""
    layout = replace(BY_NAME["NanoDet-Plus"], metadata={})
    with pytest.raises(ModelRefusedError, match=r"several heads: nanodet .*; yolox .*--labels"):
        compile_network(layout.network(), name="made", soc=CHIP)
    for count, head in ((3, "nanodet"), (30, "yolox")):
        labels = tuple(f"class {number}" for number in range(count))
        compiled = compile_network(layout.network(), name="made", soc=CHIP, labels=labels)
        assert read_card(compiled.om, "made.om").head == head


def test_other_tasks_and_unknown_outputs_are_refused() -> None:
    """With what is seen, and what would help."""
    masks = told(BY_NAME["YOLO26"].network(), ULTRALYTICS | {"task": "segment"})
    with pytest.raises(ModelRefusedError, match="its task is segment"):
        compile_network(masks, name="made", soc=CHIP)
    plain = plain_network(("x", onnx.TensorProto.FLOAT, (1, 3, 32, 64)))
    with pytest.raises(ModelRefusedError, match=r"out \[1, 3, 32, 64\].*--head.*--labels"):
        compile_network(plain, name="made", soc=CHIP)
    two = told(BY_NAME["YOLOv5"].network(), {"fleet.labels": "a\nb"})
    with pytest.raises(ModelRefusedError, match=r"of 3 classes, which 2 labels.*of 3 lines"):
        compile_network(two, name="made", soc=CHIP)


def test_a_card_keeps_which_layout_it_is() -> None:
    """And a card without is written as before."""
    card = read_card(compile_network(BY_NAME["DETR"].network(), name="a", soc=CHIP).om, "a.om")
    assert card.settings == {"kind": "softmax"}
    assert card.aipp.min_chn == pytest.approx((123.675, 116.28, 103.53), rel=1e-3)
    plain = compile_network(BY_NAME["YOLOX"].network(), name="a", soc=CHIP).om
    text = read_card(plain, "a.om").to_json()
    assert not any(word in text for word in ("settings", "threshold"))


def test_the_command_recognises_and_shows(tmp_path: Path) -> None:
    """`fleet compile MODEL --output NAME`, and `--show NAME.om` afterwards."""
    (tmp_path / "street.onnx").write_bytes(BY_NAME["EfficientNMS"].network())
    made = fleet_here("compile", "street.onnx", "--output", "street", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "efficientnms: finished boxes: det_boxes for boxes" in made.stdout
    shown = fleet_here("compile", "--show", "street.om", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "efficientnms, 3 labels (walker, rider, car)" in shown.stdout
    assert fleet_here("compile", "street.onnx", folder=tmp_path).returncode == 2
    both = fleet_here("compile", "street.onnx", "--show", "street.om", folder=tmp_path)
    assert both.returncode == 2
