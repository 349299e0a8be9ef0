"""Models, networks and configurations that are damaged or belong elsewhere: refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from caffe_nets import caffemodel, layer, prototxt
from command import fleet_here
from layouts import LAYOUTS, ULTRALYTICS
from networks import LABELS, colour_network, compiled

from fleet.ascend.soc import soc
from fleet.device import Device
from fleet.errors import FleetError, ModelRefusedError
from fleet.models.caffe.convert import convert_caffe
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model
from fleet.models.compiler.insert_op import parse_insert_op
from fleet.models.heads import HEADS

CHIP = soc("Ascend310")
CFG = """aipp_op {
    aipp_mode : static   # of the exercise
    input_format : YUV420SP_U8
    csc_switch : true
    matrix_r0c0 : 298
    var_reci_chn_0 : 0.00392157
}
"""
NET = prototxt(
    (1, 3, 32, 64),
    layer("Convolution", ["data"], ["a"], "convolution_param { num_output: 2 kernel_size: 3 }"),
    layer("ReLU", ["a"], ["a"], name="r"),
)
WEIGHTS = caffemodel({"a": [np.ones((2, 3, 3, 3), np.float32), np.ones(2, np.float32)]})


def export() -> bytes:
    """An export with metadata, a weight that takes most of it, and its labels."""
    model = onnx.load_model_from_string(colour_network())
    onnx.helper.set_model_props(model, ULTRALYTICS)
    content: bytes = model.SerializeToString()
    return content


def load(om: bytes) -> None:
    """Load a compiled model on a device, as a worker does."""
    with Device(CHIP, read_file=lambda _: om) as device:
        device.load("cut.om")


WAYS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "onnx": (export(), lambda cut: compile_model(cut, name="cut", soc=CHIP)),
    "om": (compiled(), lambda cut: read_card(cut, "cut.om")),
    "om on a device": (compiled(), load),
    "caffemodel": (WEIGHTS, lambda cut: convert_caffe(NET, cut)),
    "prototxt": (NET.encode(), lambda cut: convert_caffe(cut.decode(), WEIGHTS)),
    "cfg": (CFG.encode(), lambda cut: parse_insert_op(cut.decode())),
}
"""What reads each kind of file."""


def refusal(read: Callable[[bytes], object], content: bytes) -> FleetError | None:
    """Return the error with which a file is refused, None where it is read; raise all others."""
    try:
        read(content)
    except FleetError as error:
        return error
    return None


@pytest.mark.parametrize("kind", WAYS)
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(kind: str) -> None:
    """After each byte: an error of ours, one sentence and the way out, or a file that is whole."""
    content, read = WAYS[kind]
    read(content)
    errors = [refusal(read, content[:length]) for length in range(len(content))]
    for error in filter(None, errors):
        assert error.message.endswith((".", ")"))
        assert error.way_out
        assert "\n" not in error.message
    refused = len(list(filter(None, errors)))
    # What ends behind a whole field may be a smaller file of its kind.
    assert refused > len(content) * 0.8


@pytest.mark.parametrize("kind", WAYS)
def test_a_file_with_other_bytes_in_it_is_refused_or_read(kind: str) -> None:
    """Three hundred files with three bytes changed each: never an error of another kind."""
    content, read = WAYS[kind]
    random = np.random.default_rng(7)
    for _ in range(300):
        changed = bytearray(content)
        for at in random.integers(0, len(content), 3).tolist():
            # Text stays text: what is none is refused where the file is opened.
            changed[at] = int(random.integers(1, 127 if kind in {"prototxt", "cfg"} else 256))
        error = refusal(read, bytes(changed))
        assert error is None or error.message


SILICON = b"IMOD" + bytes(252) + b"\x7fELF" * 100


@pytest.mark.parametrize(
    "command",
    [
        ("compile", "chip.om", "--output", "made"),
        ("compile", "--show", "chip.om"),
        ("infer", "--model", "chip.om"),
        ("msame", "--model", "chip.om"),
        ("run", "--inline", "--model", "chip.om", "--input", "clip.mp4", "--output", "out"),
        ("atc", "--framework=5", "--model=chip.om", "--soc_version=Ascend310", "--output=made"),
    ],
    ids=" ".join,
)
def test_a_model_for_silicon_is_known_by_its_beginning(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """It holds code of a real chip: what it was made from is needed."""
    (tmp_path / "chip.om").write_bytes(SILICON)
    done = fleet_here(*command, folder=tmp_path)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "is a model that ATC compiled for a real chip (it begins with IMOD)" in said
    assert "Take the ONNX file" in said
    assert not (tmp_path / "made.om").exists()


@pytest.mark.parametrize("name", sorted(HEADS))
def test_outputs_of_another_head_are_refused_with_both_shapes(name: str) -> None:
    """What the network puts out, and what the head reads; of the network with most outputs, too."""
    for layout in (LAYOUTS[0], max(LAYOUTS, key=lambda one: len(one.make_once()))):
        if layout.head == name:
            continue
        with pytest.raises(ModelRefusedError) as refused:
            compile_model(layout.network(), head=name, labels=layout.labels, name="net", soc=CHIP)
        shapes = [list(value.shape) for value in layout.make_once().values()]
        assert all(str(shape) in refused.value.message for shape in shapes)
        assert f"does not fit the head {name}: " in refused.value.message


@pytest.mark.parametrize("count", [1, 2, 4, 80])
def test_labels_of_another_number_are_refused(count: int) -> None:
    """With both numbers."""
    labels = tuple(f"class {number}" for number in range(count))
    with pytest.raises(ModelRefusedError, match=f"3 classes and there are {count} labels"):
        compiled(labels=labels)


@pytest.mark.parametrize(
    ("cfg", "said"),
    [
        (CFG + CFG, "has 2 aipp_op, and the model has one input"),
        (
            CFG.replace("csc", "src_image_size_w : 128\nsrc_image_size_h : 64\ncsc"),
            "a picture of 128x64 comes out and the model takes 64x32",
        ),
        (CFG.replace("csc", "related_input_rank : 1\ncsc"), "related_input_rank is 1"),
        (CFG[:-3], "not one aipp_op block"),
    ],
)
def test_an_aipp_file_that_is_not_the_models_is_refused(
    cfg: str, said: str, tmp_path: Path
) -> None:
    """By both compilers, with E10052; nothing is written."""
    (tmp_path / "net.onnx").write_bytes(colour_network())
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    (tmp_path / "aipp.cfg").write_text(cfg)
    named = ["--head=yolov8", "--labels=labels.txt", "--output=made"]
    atc = ["--framework=5", "--model=net.onnx", "--soc_version=Ascend310"]
    for command in (
        ["compile", "net.onnx", "--aipp=aipp.cfg"],
        ["atc", *atc, "--insert_op_conf=aipp.cfg"],
    ):
        done = fleet_here(*command, *named, folder=tmp_path)
        assert done.returncode == 2
        assert "E10052" in done.stderr
        assert said in " ".join(done.stderr.split())
        assert not (tmp_path / "made.om").exists()


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"a": [np.ones((2, 3, 5, 5), np.float32), np.ones(2, np.float32)]}, "the layer 'a' of type Convolution takes a blob of [2, 3, 3, 3], and the weights hold [2, 3, 5, 5]"),
        ({"a": [np.ones((2, 3, 3, 3), np.float32)]}, "hold 1 blobs for the layer 'a' of type Convolution, which needs 2"),
        ({"conv1": [np.ones((2, 3, 3, 3), np.float32)]}, "hold 0 blobs for the layer 'a'"),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused(
    weights: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]], said: str
) -> None:
    """With the layer, and both shapes."""
    with pytest.raises(ModelRefusedError) as refused:
        convert_caffe(NET, caffemodel(weights))
    assert said in refused.value.message
    assert "another network" in refused.value.way_out
