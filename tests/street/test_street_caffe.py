"""The third exercise whole: the street detector in Caffe's form, ATC, msame, and a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import fleet_here
from street_caffe import CONFIGURATION, as_caffe, with_yolo_end

import fleet
from fleet.street.scene.clip import LABELS

ROOT = Path(__file__).parents[2]
STREET = ROOT / "jobs" / "street" / "street.onnx"
ANCHORS = "3.5,9 6,16 14,11; 10,27 26,18 18,48; 50,32 90,70 190,130"
RUN = ("--inline", "--sample", "every=2", "--set", "threshold=0.2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four seconds of the demo's street, the network in both forms, and AIPP's file."""
    made = tmp_path_factory.mktemp("exercise")
    files = as_caffe(STREET)
    (made / "street.prototxt").write_text(files.prototxt)
    (made / "street.caffemodel").write_bytes(files.caffemodel)
    groups = tuple(group.replace(",", " ") for group in ANCHORS.split("; "))
    ended = with_yolo_end(
        files.prototxt,
        ("stride16", "stride8", "stride4"),
        (groups[2], groups[1], groups[0]),
        len(LABELS),
        "obj_threshold: 0.2 score_threshold: 0.2 iou_threshold: 0.45",
    )
    (made / "ended.prototxt").write_text(ended)
    (made / "aipp_nv12.cfg").write_text(CONFIGURATION)
    (made / "labels.txt").write_text("\n".join(LABELS))
    street = fleet_here(
        "street", "--output", made / "archive", "--cameras", 2, "--seconds", 2, "--seed", 7
    )
    assert street.returncode == 0, street.stderr
    return made


def rows(folder: Path, model: str) -> list[tuple[Any, ...]]:
    """Run the job detect over the archive with a model, and return its rows in a fixed order."""
    args = ("--input", folder / "archive", "--model", f"{model}.om", "--output", f"{model}-rows")
    done = fleet_here("run", ROOT / "jobs" / "detect.toml", *args, *RUN, folder=folder)
    assert done.returncode == 0, done.stderr
    table = fleet.read(str(folder / f"{model}-rows")).table("detections").to_table()
    columns = ("uri", "frame", "label", "score", "x1", "y1", "x2", "y2")
    return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True), key=repr)


def test_a_run_with_the_caffe_network_finds_what_the_onnx_finds(folder: Path) -> None:
    """Raw maps with a head, and the end of the classic network: rows equal to 1e-3."""
    reference = ("compile", STREET, "--aipp", "aipp_nv12.cfg", "--output", "onnx")
    assert fleet_here(*reference, folder=folder).returncode == 0
    usual = (
        "atc", "--weight=street.caffemodel", "--framework=0", "--soc_version=Ascend310",
        "--insert_op_conf=aipp_nv12.cfg", "--labels=labels.txt",
    )  # fmt: skip
    maps = ("--model=street.prototxt", "--output=maps", "--head=yolov3", f"--anchors={ANCHORS}")
    nodes = "--out_nodes=stride4:0;stride8:0;stride16:0"
    ended = ("--model=ended.prototxt", "--output=ended")
    for options in ((*maps, nodes), ended):
        done = fleet_here(*usual, *options, folder=folder)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("ATC start working now, please wait for a moment.\n")
        assert done.stdout.endswith("ATC run success, welcome to the next use.\n")
        assert "rbuv_swap_switch exchanges U and V" in done.stdout
    assert "done by the head yolov3" in done.stdout
    wanted = rows(folder, "onnx")
    assert len(wanted) > 10
    assert len({row[2] for row in wanted}) > 1
    for model in ("maps", "ended"):
        found = rows(folder, model)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert one[:3] == other[:3]
            np.testing.assert_allclose(one[3:], other[3:], atol=1e-3, rtol=1e-3)


def test_msame_times_the_network_of_two_inputs(folder: Path) -> None:
    """A hundred times, with the picture and its size as files; three outputs as text."""
    compiled = fleet_here(
        "atc", "--model=ended.prototxt", "--weight=street.caffemodel", "--framework=0",
        "--soc_version=Ascend310", "--insert_op_conf=aipp_nv12.cfg", "--output=timed.om",
        folder=folder,
    )  # fmt: skip
    assert "timed.om.om is written, as by ATC" in compiled.stdout
    (folder / "picture.bin").write_bytes(bytes(416 * 416 * 3 // 2))
    np.array([416, 416, 1080, 1920], np.float32).tofile(folder / "info.bin")
    options = (
        "--input",
        "picture.bin,info.bin",
        "--output",
        "out",
        "--outfmt",
        "TXT",
        "--loop",
        100,
    )
    done = fleet_here("msame", "--model", "timed.om.om", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Inference time: ", done.stdout, re.MULTILINE)) == 100
    (out,) = (folder / "out").iterdir()
    texts = {file.name: file.read_text().split() for file in out.iterdir()}
    channels = 3 * (5 + len(LABELS))
    sides = {0: 26, 1: 52, 2: 104}
    assert {name: len(text) for name, text in texts.items()} == {
        f"timed.om_output_{at}.txt": channels * side**2 for at, side in sides.items()
    }
