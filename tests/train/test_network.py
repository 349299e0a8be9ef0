"""The network's size, how its maps are read, and the file that is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from fleet.ascend.soc import soc
from fleet.core.geometry import Size
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model
from fleet.models.heads import parse_anchors
from fleet.models.heads.yolov3 import YoloV3
from fleet.models.session import open_session

if TYPE_CHECKING:
    from fleet.train.data.samples import Samples


def test_it_has_less_than_a_million_parameters() -> None:
    """What a street camera's detector may cost."""
    from fleet.train.network import StreetNet

    assert sum(value.numel() for value in StreetNet().parameters()) < 1_000_000


def test_the_exported_file_computes_what_the_network_does() -> None:
    """Folded and all: the maps agree to 1e-4 after the weights and statistics have moved."""
    import torch

    from fleet.train.export import export_onnx
    from fleet.train.network import StreetNet

    torch.manual_seed(2)
    network = StreetNet()
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(2, 3, 96, 96))
        network.eval()
        pictures = torch.rand(1, 3, 416, 416)
        maps = [values.numpy() for values in network(pictures)]
    session = open_session(export_onnx(network), "street.onnx")
    for found, expected in zip(
        session.run(None, {"pictures": pictures.numpy()}), maps, strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_exported_file_compiles_by_what_it_says_of_itself() -> None:
    """Head, labels and anchors stand in its metadata; it is small, and has no batch norm left."""
    from fleet.train.export import export_onnx
    from fleet.train.network import StreetNet

    content = export_onnx(StreetNet())
    assert len(content) <= 3_000_000
    model = onnx.load_model_from_string(content)
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    known = {item.key: item.value for item in model.metadata_props}
    assert known["fleet.licence"] == "Apache-2.0"
    om = compile_model(
        content,
        head=known["fleet.head"],
        labels=tuple(known["fleet.labels"].split("\n")),
        name="street",
        soc=soc("Ascend310"),
        batch=2,
        anchors=parse_anchors(known["fleet.anchors"]),
    )
    card = read_card(om, "street.om")
    assert (card.size, card.batch, card.labels[0]) == (Size(416, 416), 2, "person")


def test_loss_and_head_read_maps_alike(clips: list[Samples]) -> None:
    """Maps that say what the targets want cost nearly nothing, and decode to the truth's boxes."""
    import torch

    from fleet.train.data.targets import ANCHORS, STRIDES, assign
    from fleet.train.loss import street_loss

    truth = clips[0].truth
    targets = assign(truth, 2, Size(416, 256))
    maps = []
    for target, group, stride in zip(targets, ANCHORS, STRIDES, strict=True):
        cells = np.full((2, len(group), 9, 256 // stride, 416 // stride), -12, np.float32)
        for n in range(len(target.image)):
            at = (target.image[n], target.anchor[n], slice(None), target.row[n], target.column[n])
            box, anchor = target.xyxy[n], np.array(group[target.anchor[n]])
            inside = (box[:2] + box[2:]) / 2 / stride - (target.column[n], target.row[n])
            cells[at][:2] = np.log(np.maximum(inside, 1e-6) / np.maximum(1 - inside, 1e-6))
            cells[at][2:4] = np.log((box[2:] - box[:2]) / anchor)
            cells[at][4] = cells[at][5 + target.label[n]] = 12
        maps.append(cells.reshape(2, -1, *cells.shape[3:]))
    assert float(street_loss([torch.from_numpy(values) for values in maps], targets)) < 0.5
    found = YoloV3(anchors=ANCHORS).decode(maps, Size(416, 256), 0.5)
    for image, candidates in enumerate(found):
        wanted = truth[(truth[:, 0] == image) & (truth[:, 6] <= 0.7)]
        assert {tuple(np.rint(box)) for box in candidates.xyxy} == {
            tuple(row[2:6]) for row in wanted
        }
        assert set(candidates.class_id) == set(wanted[:, 1].astype(int))


def test_what_is_ignored_costs_nothing(clips: list[Samples]) -> None:
    """Seeing a figure that is hardly to be seen is not punished; seeing one elsewhere is."""
    import torch

    from fleet.train.data.targets import assign
    from fleet.train.loss import street_loss

    hidden = np.array([(0, 0, 100, 100, 120, 140, 0.9)], np.float32)
    targets = assign(hidden, 1, Size(416, 256))
    quiet = [torch.full((1, 27, 256 // s, 416 // s), -20.0) for s in (4, 8, 16)]
    seen = [values.clone() for values in quiet]
    seen[0][0, 4, 30, 27] = 5.0
    elsewhere = [values.clone() for values in quiet]
    elsewhere[0][0, 4, 10, 10] = 5.0
    nothing = float(street_loss(quiet, targets))
    assert float(street_loss(seen, targets)) == nothing
    assert float(street_loss(elsewhere, targets)) > nothing + 4
    assert clips


def test_overlap_is_told_as_it_is_defined() -> None:
    """IoU and CIoU of boxes by hand: the same, half over, apart."""
    import torch

    from fleet.train.loss import complete_iou

    box = torch.tensor([[0.0, 0, 10, 10]] * 3)
    other = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]])
    iou, ciou = complete_iou(box, other)
    assert iou.tolist() == pytest.approx([1, 1 / 3, 0], abs=1e-5)
    # Less the centres' distance squared over the outer diagonal squared; the shapes agree.
    assert ciou.tolist() == pytest.approx([1, 1 / 3 - 25 / 325, -400 / 1000], abs=1e-5)


def test_the_committed_network_is_of_this_kind() -> None:
    """The file beside its card: head, labels and anchors as the training has them."""
    from fleet.models.heads import write_anchors
    from fleet.street.scene.clip import LABELS
    from fleet.train.data.targets import ANCHORS

    path = Path(__file__).parents[2] / "jobs" / "street" / "street.onnx"
    known = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert known["fleet.head"] == "yolov3"
    assert known["fleet.labels"].split("\n") == list(LABELS)
    assert known["fleet.anchors"] == write_anchors(ANCHORS)
    assert path.stat().st_size <= 3_000_000
