"""The third exercise: YOLOv3 in Caffe's form through ATC and msame, then over an archive.

The network is the street detector, written down again as prototxt and caffemodel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
from command import fleet_here
from street_caffe import CONFIGURATION, as_caffe, with_yolo_end

import fleet
from fleet.evaluate.run import evaluate_output
from fleet.street.scene.clip import LABELS

ROOT = Path(__file__).parents[2]
STREET = ROOT / "jobs" / "street" / "street.onnx"
ANCHORS = "3.5,9 6,16 14,11; 10,27 26,18 18,48; 50,32 90,70 190,130"
CHANNELS = 3 * (5 + len(LABELS))
SIDES = (26, 52, 104)
"""Of the maps that the classic end reads, the coarse one first."""
CAFFE = (
    "atc", "--weight=street.caffemodel", "--framework=0", "--soc_version=Ascend310",
    "--insert_op_conf=aipp_nv12.cfg", "--labels=labels.txt",
)  # fmt: skip
COMPILED = {
    "onnx": ("compile", STREET, "--aipp", "aipp_nv12.cfg", "--output", "onnx"),
    "maps": (
        *CAFFE, "--model=street.prototxt", "--output=maps", "--head=yolov3", f"--anchors={ANCHORS}",
        "--out_nodes=stride4:0;stride8:0;stride16:0",
    ),
    "ended": (*CAFFE, "--model=ended.prototxt", "--output=ended"),
}  # fmt: skip
"""Model -> the command that makes it: of the ONNX file; of raw maps; by the end of the classic one."""
TOLERANCE = 1e-3
"""How far numbers of a row may lie apart, relative and in pixels."""
MOST_AP_APART = 0.002


@dataclass(frozen=True)
class Found:
    """What a job found with one model."""

    rows: tuple[tuple[Any, ...], ...]
    """Video, frame, label, score and edges, in a fixed order."""
    ap50: float
    ap: float


def write_exercise(folder: Path) -> None:
    """Write the network's files, with the classic end and without, AIPP's file and the labels."""
    files = as_caffe(STREET)
    (folder / "street.prototxt").write_text(files.prototxt)
    (folder / "street.caffemodel").write_bytes(files.caffemodel)
    groups = tuple(group.replace(",", " ") for group in ANCHORS.split("; "))
    ended = with_yolo_end(
        files.prototxt,
        ("stride16", "stride8", "stride4"),
        (groups[2], groups[1], groups[0]),
        len(LABELS),
        "obj_threshold: 0.2 score_threshold: 0.2 iou_threshold: 0.45",
    )
    (folder / "ended.prototxt").write_text(ended)
    (folder / "aipp_nv12.cfg").write_text(CONFIGURATION)
    (folder / "labels.txt").write_text("\n".join(LABELS))


def detect(folder: Path, archive: Path, model: str, *options: object) -> Found:
    """Run the job detect over an archive with a model of the folder, and evaluate it."""
    asked = ("--input", archive, "--model", f"{model}.om", "--output", f"{model}-rows", *options)
    done = fleet_here("run", ROOT / "jobs" / "detect.toml", *asked, folder=folder)
    assert done.returncode == 0, done.stderr
    tables = fleet.read(str(folder / f"{model}-rows"))
    table = tables.table("detections").to_table()
    columns = ("uri", "frame", "label", "score", "x1", "y1", "x2", "y2")
    rows = sorted(zip(*(table[name].to_pylist() for name in columns), strict=True), key=repr)
    _, evaluation = evaluate_output(tables, str(archive / "truth"))
    assert evaluation.overall.ap50 is not None
    assert evaluation.overall.ap is not None
    return Found(tuple(rows), evaluation.overall.ap50, evaluation.overall.ap)


def farthest(one: Found, other: Found) -> float:
    """Return how far the numbers of the same rows lie apart at most, in parts of the tolerance.

    Infinity where the rows are not those of the same objects.
    """
    if [row[:3] for row in one.rows] != [row[:3] for row in other.rows]:
        return float("inf")
    first, second = (np.array([row[3:] for row in found.rows]) for found in (one, other))
    return float((np.abs(first - second) / (TOLERANCE * (1 + np.abs(second)))).max(initial=0))


def msame(folder: Path, model: str) -> tuple[CompletedProcess[str], dict[str, int]]:
    """Run a model of two inputs a hundred times, as the exercise does; return the numbers a file."""
    (folder / "picture.bin").write_bytes(bytes(416 * 416 * 3 // 2))
    np.array([416, 416, 1080, 1920], np.float32).tofile(folder / "info.bin")
    fed = ("--input", "picture.bin,info.bin", "--output", "out", "--outfmt", "TXT", "--loop", 100)
    done = fleet_here("msame", "--model", model, *fed, folder=folder)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^Inference time: ", done.stdout, re.MULTILINE)) == 100
    (out,) = (folder / "out").iterdir()
    return done, {file.name: len(file.read_text().split()) for file in out.iterdir()}


def maps_of(stem: str, sides: Sequence[int] = SIDES) -> dict[str, int]:
    """Return how many numbers msame writes of each map, by the name of its file."""
    return {f"{stem}_output_{at}.txt": CHANNELS * side**2 for at, side in enumerate(sides)}
