"""`fleet atc`: every option of ATC's does something, or is refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from caffe_nets import Array, caffemodel, layer, prototxt
from command import fleet_here
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import LABELS, colour_network
from numpy.typing import NDArray
from street_caffe import with_yolo_end

from fleet.core.geometry import Size
from fleet.errors import ModelRefusedError
from fleet.models.caffe.convert import Converted, convert_caffe
from fleet.models.card import read_card
from fleet.models.heads import Candidates, head_named
from fleet.models.nms import suppress
from fleet.models.session import open_session

CLASSES = 2
CHANNELS = 3 * (5 + CLASSES)
SIDE = 64
MAPS = ("coarse", "middle", "fine")
BIASES = ("30 20 20 40 60 50", "12 10 9 16 22 14", "4 3 3 6 8 7")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classic YOLOv3 of two inputs at reduced width, and an ONNX network."""
    made = tmp_path_factory.mktemp("atc")
    (made / "net.prototxt").write_text(classic())
    (made / "net.caffemodel").write_bytes(caffemodel(weights(0)))
    (made / "other.caffemodel").write_bytes(caffemodel({"a": [np.zeros((4, 3, 5, 5), np.float32)]}))
    (made / "net.onnx").write_bytes(colour_network(lengths=("batch", "height", "width")))
    (made / "labels.txt").write_text("\n".join(LABELS))
    (made / "labels2.txt").write_text("car\nbus")
    (made / "aipp.cfg").write_text(
        "aipp_op { aipp_mode : static\n input_format : YUV420SP_U8\n related_input_name : data\n"
        " csc_switch : true\n }"
    )
    return made


def classic() -> str:
    """A backbone with leaky ReLU, three maps of strides 32, 16 and 8, two inputs and the end."""
    leaky = "relu_param { negative_slope: 0.1 }"
    down = "convolution_param {{ num_output: {} kernel_size: 3 stride: {} pad: 1 }}"
    one = f"convolution_param {{ num_output: {CHANNELS} kernel_size: 1 }}"
    layers = [
        layer("Convolution", ["data"], ["a"], down.format(4, 2)),
        layer("BatchNorm", ["a"], ["a"], name="a_bn"),
        layer("Scale", ["a"], ["a"], "scale_param { bias_term: true }", name="a_scale"),
        layer("ReLU", ["a"], ["a"], leaky, name="a_relu"),
        layer("Convolution", ["a"], ["b"], down.format(4, 4)),
        layer("ReLU", ["b"], ["b"], leaky, name="b_relu"),
        layer("Convolution", ["b"], ["c"], down.format(6, 2)),
        layer("Convolution", ["c"], ["d"], down.format(6, 2)),
        layer("Convolution", ["d"], ["coarse"], one),
        layer("Upsample", ["d"], ["up"], "upsample_param { scale: 1 stride: 2 }"),
        layer("Concat", ["up", "c"], ["joined"]),
        layer("Convolution", ["joined"], ["middle"], one),
        layer("Convolution", ["b"], ["fine"], one),
    ]
    return with_yolo_end(
        prototxt((1, 3, SIDE, SIDE), *layers),
        MAPS,
        BIASES,
        CLASSES,
        "iou_threshold: 0.4",
        info_first=True,
    )


def weights(seed: int) -> dict[str, list[Array]]:
    """Random weights for it."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> Array:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    shapes = {"a": (4, 3, 3), "b": (4, 4, 3), "c": (6, 4, 3), "d": (6, 6, 3)}
    shapes |= {"coarse": (CHANNELS, 6, 1), "middle": (CHANNELS, 12, 1), "fine": (CHANNELS, 4, 1)}
    found = {name: [some(o, i, k, k), some(o)] for name, (o, i, k) in shapes.items()}
    spread = rng.uniform(0.5, 2, 4).astype(np.float32)
    found["a_bn"] = [some(4), spread, np.ones(1, np.float32)]
    found["a_scale"] = [some(4), some(4)]
    return found


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
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return shared / (sum(areas) - shared)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
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


def atc(folder: Path, *options: object) -> tuple[int, str, str]:
    """Run `fleet atc` over the classic network."""
    usual = ("--framework=0", "--model=net.prototxt", "--weight=net.caffemodel")
    done = fleet_here("atc", *usual, "--soc_version=Ascend310", *options, folder=folder)
    return done.returncode, done.stdout, done.stderr


def onnx_atc(folder: Path, *options: object) -> tuple[int, str, str]:
    """Run `fleet atc` over the ONNX network."""
    usual = ("--framework=5", "--model=net.onnx", "--soc_version=Ascend310")
    read = ("--head=yolov8", "--labels=labels.txt")
    done = fleet_here("atc", *usual, *read, *options, folder=folder)
    return done.returncode, done.stdout, done.stderr


def test_a_caffe_network_compiles_with_what_its_end_says(folder: Path) -> None:
    """Anchors, overlap and number of classes; the picture's size is an input with a value."""
    code, out, _ = atc(folder, "--output=classic", "--insert_op_conf=aipp.cfg", "--log=info")
    assert code == 0
    assert out.splitlines()[0] == "ATC start working now, please wait for a moment."
    assert out.splitlines()[-1] == "ATC run success, welcome to the next use."
    made = read_card((folder / "classic.om").read_bytes(), "classic.om")
    assert (made.head, made.iou, made.labels) == ("yolov3", 0.4, ("class 0", "class 1"))
    assert made.anchors[0] == ((30, 20), (20, 40), (60, 50))
    assert "head        yolov3, 2 labels" in out
    done = fleet_here("infer", "--model", folder / "classic.om", "--debug")
    assert "[DEBUG] input 0: img_info float32 [1, 4], 16 bytes" in done.stdout
    assert done.stdout.count("[DEBUG] output") == 3


@pytest.mark.parametrize(("lines", "right"), [("related_input_rank : 1", True), ("related_input_rank : 0", False), ("", False), ('related_input_name : "img_info"', False)])  # fmt: skip
def test_aipp_is_for_the_input_that_is_a_picture(folder: Path, lines: str, right: bool) -> None:
    """By its name or its place among the inputs, which is 0 where nothing is said."""
    block = f"aipp_op {{ aipp_mode : static\n input_format : YUV420SP_U8\n {lines}\n }}"
    (folder / "placed.cfg").write_text(block)
    code, _, err = atc(folder, "--output=placed", "--insert_op_conf=placed.cfg")
    assert code == (0 if right else 2), err
    assert right or "E10052: AIPP configuration: related_input_" in err


def test_inputs_are_fed_in_the_order_of_the_prototxt(folder: Path) -> None:
    """Here the picture's size comes first; it may not stand alone, nor be of another size."""
    assert atc(folder, "--output=ordered")[0] == 0
    np.array([64, 64, 100, 200], np.float32).tofile(folder / "info.bin")
    (folder / "picture.bin").write_bytes(bytes(SIDE * SIDE * 3 // 2))
    given = {"info.bin,picture.bin": "", "info.bin": "1 inputs are given, and ordered has 2. They are, in order: img_info, data",
             "picture.bin,info.bin": "picture.bin holds 6,144 bytes, and img_info float32 [1, 4] takes 16"}  # fmt: skip
    for inputs, said in given.items():
        done = fleet_here("msame", "-m", "ordered.om", "-i", inputs, folder=folder)
        assert done.returncode == (2 if said else 0), done.stderr
        assert said in done.stderr


def test_the_suffix_is_doubled_as_by_atc_and_said(folder: Path) -> None:
    """A path that ends with .om gets a second one; `fleet compile` adds none."""
    code, out, _ = atc(folder, "--output=twice.om")
    assert code == 0
    assert (folder / "twice.om.om").is_file()
    assert not (folder / "twice.om").exists()
    assert "twice.om.om is written" in out
    assert "is written" not in atc(folder, "--output=once")[1]
    options = ("--head", "yolov8", "--labels", "labels.txt", "--size", "64x32")
    fleet_here("compile", "net.onnx", *options, "--output", "single.om", folder=folder)
    assert (folder / "single.om").is_file()
    assert not (folder / "single.om.om").exists()


def test_the_options_change_what_is_compiled(folder: Path) -> None:
    """Shapes, outputs, types, labels: for Caffe and for ONNX."""
    assert atc(folder, "--output=wide", "--input_shape=data:2,3,96,128;img_info:2,4")[0] == 0
    made = read_card((folder / "wide.om").read_bytes(), "wide.om")
    assert (made.size, made.batch) == (Size(128, 96), 2)
    assert atc(folder, "--output=named", "--labels=labels2.txt")[0] == 0
    assert read_card((folder / "named.om").read_bytes(), "").labels == ("car", "bus")
    cut = ("--out_nodes=fine:0", "--head=yolov3", "--labels=labels2.txt", "--anchors=4,3 3,6 8,7")
    shapes = "--input_shape=data:1,3,64,64;img_info:1,4"
    assert atc(folder, "--output=cut", *cut, shapes)[0] == 0
    cut_model = onnx.load(folder / "cut.om")
    assert [output.name for output in cut_model.graph.output] == ["fine"]
    assert [item.name for item in cut_model.graph.input] == ["data"]
    assert len(cut_model.graph.node) < len(onnx.load(folder / "named.om").graph.node)
    shaped = onnx_atc(folder, "--output=shaped", "--input_shape=images:3,3,32,64")
    assert shaped[0] == 0, shaped[2]
    made = read_card((folder / "shaped.om").read_bytes(), "shaped.om")
    assert (made.size, made.batch) == (Size(64, 32), 3)
    for run in (atc, onnx_atc):
        given = ("--input_shape=images:1,3,32,64",) if run is onnx_atc else ()
        assert run(folder, "--output=half", "--output_type=FP16", *given)[0] == 0
        done = fleet_here("infer", "--model", folder / "half.om", "--debug")
        assert done.returncode == 0
        kinds = re.findall(r"output \d+: \S+ (\w+)", done.stdout)
        assert kinds
        assert set(kinds) == {"float16"}


def test_the_precision_is_explained(folder: Path) -> None:
    """What is asked is not what the host computes in, and that is said."""
    code, out, _ = atc(folder, "--output=precise", "--precision_mode=force_fp32")
    assert code == 0
    assert "--precision_mode=force_fp32: ONNX Runtime computes in the network's own" in out
    assert "precision" not in atc(folder, "--output=silent")[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--framework=3"], "E10001: --framework=3: Fleet does not read TensorFlow"),
        (["--framework=7"], "E10001: --framework=7 is unknown"),
        (["--framework=5"], "--weight=net.caffemodel is for Caffe"),
        (["--mode=1"], "--mode=1: Fleet compiles only"),
        (["--log=loud"], "--log=loud is unknown"),
        (["--precision_mode=best"], "--precision_mode=best is unknown"),
        (["--input_format=NHWC"], "--input_format=NHWC: networks of Caffe and ONNX are read as NCHW"),
        (["--dynamic_batch_size=1,2,8"], "a .om of Fleet holds one batch. Compile one for each size of a batch"),
        (["--dynamic_batch_size=all"], "is no list of gears"),
        (["--input_shape=data"], "E10005: --input_shape: 'data' names no input"),
        (["--input_shape=data:1,x"], "E10008: --input_shape: '1,x' is no shape"),
        (["--input_shape=data:-1,3,64,64"], "has an open length"),
        (["--input_shape=picture:1,3,64,64"], "There is no input 'picture'. The network's inputs are: img_info, data"),
        (["--out_nodes=fine"], "'fine' is not node:index"),
        (["--out_nodes=fine:1"], "There is no output 1 of a layer 'fine'"),
        (["--out_nodes=yolo1:0"], "There is no output 'yolo1_coords'"),
        (["--output_type=INT8"], "--output_type=INT8: heads read outputs of FP32 and FP16"),
        (["--weight=other.caffemodel"], "the layer 'a' of type Convolution takes a blob of [4, 3, 3, 3], and the weights hold [4, 3, 5, 5]"),
        (["--labels=labels.txt"], "3 labels"),
        (["--soc_version=Ascend311"], "'Ascend311' is no chip that Fleet simulates"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_the_reason(
    folder: Path, options: list[str], said: str
) -> None:
    """And with what ATC prints where it fails; nothing is written."""
    code, out, err = atc(folder, "--output=refused", *options)
    assert code == 2
    assert said in err
    assert "ATC run failed" in out
    assert not (folder / "refused.om").exists()


def test_a_prototxt_without_weights_is_refused(folder: Path) -> None:
    """As by ATC: the option is missing."""
    options = ("--framework=0", "--model=net.prototxt", "--soc_version=Ascend310", "--output=no")
    done = fleet_here("atc", *options, folder=folder)
    assert done.returncode == 2
    assert "E10054: --weight is missing, and a prototxt holds no weights" in done.stderr


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
