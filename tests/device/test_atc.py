"""`fleet atc`: every option of ATC's does something, or is refused with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from caffe_nets import caffemodel
from classic import SIDE, classic, weights
from command import fleet_here
from networks import LABELS, colour_network

from fleet.core.geometry import Size
from fleet.models.card import read_card


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
    strange = onnx_atc(folder, "--output=strange", "--input_shape=nonsense:3,3,32,64")
    assert strange[0] == 2
    assert "E10005: --input_shape: there is no input 'nonsense'" in strange[2]
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
