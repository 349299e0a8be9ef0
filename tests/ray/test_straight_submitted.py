"""ONNX files that are submitted: compiled on the cluster, as a run here compiles them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command import fleet_here
from layouts import ULTRALYTICS
from ray_head import Head, ray_head
from straight import export, rows

from fleet.driver.target.straight import MODELS_FOLDER
from fleet.models.card import read_card

SETTINGS = ("--sample", "every=50", "--set", "threshold=0.1")


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A cluster of one simulated device."""
    with ray_head(1) as running:
        yield running


def test_one_that_is_not_sure_is_refused_before_it_is_sent(
    head: Head, town_hevc: Path, tmp_path: Path
) -> None:
    """With what it needs, exit code 2, and without a submission."""
    model = export(tmp_path / "bare.onnx", metadata={"imgsz": "[64, 96]"})
    common = ("--input", town_hevc, "--model", model, *SETTINGS)
    sent = head.fleet("submit", *common, "--output", tmp_path / "out")
    assert sent.returncode == 2, sent.stdout + sent.stderr
    assert "--labels FILE" in " ".join(sent.stderr.split())
    assert "Submitted" not in sent.stderr
    assert not (tmp_path / "out").exists()


def test_an_export_is_sent_and_compiled_there(head: Head, town_hevc: Path, tmp_path: Path) -> None:
    """The same rows and the same compiled model as of a run here; the line says what it is."""
    model = export(tmp_path / "yolo11n.onnx", metadata=ULTRALYTICS)
    common = ("--input", town_hevc, "--model", model, *SETTINGS)
    here = fleet_here("run", *common, "--output", tmp_path / "here", "--inline")
    assert here.returncode == 0, here.stderr
    sent = head.fleet("submit", *common, "--output", tmp_path / "sent")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert sent.stderr.index("yolo11n.onnx is read as yolov8") < sent.stderr.index("Sending")
    assert rows(tmp_path / "sent")
    assert rows(tmp_path / "sent") == rows(tmp_path / "here")
    (kept,), (own,) = ((tmp_path / name / MODELS_FOLDER).iterdir() for name in ("sent", "here"))
    assert kept.name == own.name
    assert kept.read_bytes() == own.read_bytes()
    assert read_card(kept.read_bytes(), "kept.om").name == "yolo11n"
