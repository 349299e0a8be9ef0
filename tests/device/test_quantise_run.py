"""A network brought to int8 on a user's videos: what it is shown, and networks of every kind."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pyarrow as pa
import pytest
from command import fleet_here
from generate import Clip, write
from networks import LABELS, colour_network, compiled, deeper
from own_heads import LIGHTEST

import fleet
from fleet import CompiledModel, Device, FrameBatch, FrameJob, Network, Rows
from fleet.ascend.soc import soc
from fleet.core.geometry import Fit
from fleet.errors import ModelRefusedError, UsageError
from fleet.models.card import read_card
from fleet.quantise.draw import draw
from fleet.quantise.request import CalibrationRequest
from fleet.quantise.run import compile_int8

SHOWN: dict[int, bytes] = {}
"""What the job below is shown of each frame, by its number."""
FRAMES = 24


@dataclass(frozen=True)
class Shown(FrameJob[Network]):
    """Notes what a network is fed, picture by picture."""

    model: CompiledModel

    table: ClassVar[str] = "shown"
    schema: ClassVar[pa.Schema] = pa.schema([("frame_again", pa.int64())])

    def open(self, device: Device) -> Network:
        """Load the model."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Rows:
        """Note the bytes."""
        for one in batch.singly():
            for tensor, _ in opened.inputs(one):
                SHOWN[int(one.frames[0])] = np.ascontiguousarray(tensor).tobytes()
        return Rows(np.arange(len(batch), dtype=np.int32), {"frame_again": batch.frames})


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that moves, with pictures between references."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write(Clip(frames=FRAMES), path)
    return path


@pytest.mark.parametrize("fit", [Fit.STRETCH, Fit.LETTERBOX])
@pytest.mark.parametrize("chip", ["Ascend310", "Ascend310P3"])
def test_it_is_shown_what_a_run_shows(clip: Path, tmp_path: Path, fit: Fit, chip: str) -> None:
    """Bit by bit: decoded, scaled, padded and converted as on the chip that it is compiled for."""
    options: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "fit": fit, "soc": soc(chip)}
    made = compile_int8(deeper(), CalibrationRequest(str(clip), 6, 5), name="made", **options)
    (tmp_path / "made.om").write_bytes(compiled(deeper(), **options))
    SHOWN.clear()
    job = fleet.Job(Shown(str(tmp_path / "made.om")), clip, tmp_path / "out", soc=chip)
    assert fleet.run(job, on="inline").exit_code == 0
    assert len(SHOWN) == FRAMES
    (drawn,) = draw([FRAMES], 6, 5)
    fed = hashlib.sha256(
        b"".join(SHOWN[frame] for frame in np.flatnonzero(drawn.calibrated).tolist())
    )
    assert made.comparison.calibration.digest == fed.hexdigest()
    assert made.comparison.calibration.frames == made.comparison.compared == 6


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_are_full_of_what_is_shown(clip: Path, batch: int) -> None:
    """So that the ranges are those of pictures, and not of empty slots."""
    content = deeper(colour_network(lengths=(batch, 32, 64)))
    options: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "soc": soc("Ascend310")}
    request = CalibrationRequest(str(clip), 5, 1)
    made = compile_int8(content, request, name="made", **options)
    card = read_card(made.compiled.om, "made.om")
    assert card.batch == batch
    agreed = made.comparison.agreement
    assert agreed.boxes == agreed.boxes_int8 == agreed.matched


def test_a_network_with_a_head_of_the_users_own_is_judged_by_it(clip: Path, tmp_path: Path) -> None:
    """As a run of the job reads it."""
    (tmp_path / "look.py").write_text(LIGHTEST.replace("SHARE", "0.1"))
    (tmp_path / "net.onnx").write_bytes(deeper())
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    asked = ("--head", "look.py:lightest", "--labels", "labels.txt", "--output", "small")
    int8 = ("--int8", "--calibrate", clip, "--frames", 4, "--force")
    done = fleet_here("compile", "net.onnx", *asked, *int8, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_card((tmp_path / "small.om").read_bytes(), "small.om").head == "lightest"
    assert "calibrated" in done.stdout


def test_an_archive_of_one_frame_is_refused(tmp_path: Path) -> None:
    """There is nothing left to compare on."""
    write(Clip(frames=1), tmp_path / "one.mp4")
    options: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "soc": soc("Ascend310")}
    with pytest.raises(UsageError, match="no frames to calibrate on and to compare"):
        compile_int8(deeper(), CalibrationRequest(str(tmp_path), 5), name="made", **options)


@pytest.mark.parametrize("head", ["classify", "embed", "raw"])
def test_a_network_without_boxes_is_refused(clip: Path, head: str) -> None:
    """Before a frame is looked at: there is nothing to compare."""
    options: dict[str, Any] = {"head": head, "soc": soc("Ascend310")}
    options |= {"labels": LABELS} if head == "classify" else {}
    with pytest.raises(
        ModelRefusedError, match=f"--int8 compares boxes, and made is read by {head}"
    ):
        compile_int8(whole(), CalibrationRequest(str(clip), 5), name="made", **options)


def whole() -> bytes:
    """A network of two convolutions whose output is the means of the channels."""
    model = onnx.load_model_from_string(deeper())
    model.graph.output[0].name = "flat"
    model.graph.output[0].type.tensor_type.ClearField("shape")
    content: bytes = model.SerializeToString()
    return content
