"""Runs straight from an ONNX file: recognised, compiled once, kept in the output."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
from command import fleet_here
from layouts import LAYOUTS
from networks import colour_network
from straight import export, rows

import fleet
from fleet.driver.target.identity import identify
from fleet.driver.target.straight import MODELS_FOLDER
from fleet.errors import ModelRefusedError, UsageError
from fleet.job.job_file import load_job
from fleet.job.toml_text import packaged_job
from fleet.models.card import read_card

BY_NAME = {layout.name: layout for layout in LAYOUTS}


def test_the_command_takes_an_onnx_file(town_hevc: Path, tmp_path: Path) -> None:
    """As if it had been compiled first: the same rows; the line says what was recognised."""
    model = export(tmp_path / "yolo11n.onnx")
    asked = ["--input", town_hevc, "--sample", "every=100", "--set", "threshold=0.1", "--inline"]
    first = fleet_here("run", *asked, "--model", model, "--output", tmp_path / "straight")
    assert first.returncode == 0, first.stderr
    assert "yolo11n.onnx is read as yolov8: " in first.stderr
    assert "3 labels of its metadata, 96x64" in first.stderr
    (kept,) = (tmp_path / "straight" / MODELS_FOLDER).iterdir()
    assert read_card(kept.read_bytes(), "kept.om").head == "yolov8"
    fleet_here("compile", model, "--output", tmp_path / "yolo11n")
    asked += ["--model", tmp_path / "yolo11n.om", "--output", tmp_path / "compiled"]
    assert fleet_here("run", *asked).returncode == 0
    found = rows(tmp_path / "straight")
    assert found
    assert found == rows(tmp_path / "compiled")
    verified = fleet_here("verify", tmp_path / "straight")
    assert verified.returncode == 0, verified.stdout


def test_weights_beside_it_are_part_of_the_job(town_hevc: Path, tmp_path: Path) -> None:
    """The rows of the whole network; other weights in that file make another job."""
    whole = export(tmp_path / "whole.onnx")
    (tmp_path / "split").mkdir()
    split = tmp_path / "split" / "net.onnx"
    onnx.save(
        onnx.load(whole), split, save_as_external_data=True, location="weights", size_threshold=0
    )
    asked = ["--input", town_hevc, "--sample", "every=100", "--set", "threshold=0.1", "--inline"]
    for model, output in ((whole, "one"), (split, "two")):
        done = fleet_here("run", *asked, "--model", model, "--output", tmp_path / output)
        assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "one")
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    weights = split.with_name("weights")
    # The kernel of the convolution is the identity; it is turned around.
    weights.write_bytes(weights.read_bytes().replace(b"\x00\x00\x80\x3f", b"\x00\x00\x80\xbf"))
    again = fleet_here("run", *asked, "--model", split, "--output", tmp_path / "two")
    assert again.returncode == 2
    assert "another" in again.stderr
    weights.unlink()
    gone = fleet_here("run", *asked, "--model", split, "--output", tmp_path / "three")
    assert gone.returncode == 2
    assert "keeps data in weights, which is not in" in " ".join(gone.stderr.split())


@pytest.mark.parametrize("layout", ["YOLO26", "RT-DETR, D-FINE"])
def test_other_families_run_straight(layout: str, town_hevc: Path, tmp_path: Path) -> None:
    """An end-to-end export and one of DETR's kind, from a script; a second run has nothing to do."""
    path = export(tmp_path / "found.onnx", BY_NAME[layout].network())
    fields: dict[str, Any] = {"input": str(town_hevc), "sample": "every=200"}
    fields |= {"output": str(tmp_path / "out"), "model": str(path), "threshold": 0.6}
    said: list[object] = []

    class Listener:
        def on_event(self, event: object) -> None:
            said.append(event)

    report = fleet.run(on="inline", observer=Listener(), **fields)
    assert report.exit_code == 0
    assert rows(tmp_path / "out")
    assert any(f"found.onnx is read as {BY_NAME[layout].head}" in str(event) for event in said)
    again = fleet.run(on="inline", **fields)
    assert again.exit_code == 0


def test_a_run_that_continues_uses_the_bytes_that_are_kept(town_hevc: Path, tmp_path: Path) -> None:
    """Also where the compiler has changed since; the job is the same, wherever the file lies."""
    path = export(tmp_path / "a.onnx")
    fields = {"input": str(town_hevc), "output": str(tmp_path / "out"), "sample": "every=200"}
    job = load_job(packaged_job("detect.toml"), {**fields, "model": str(path)})
    before = identify(job)
    assert fleet.run(job, on="inline").exit_code == 0
    (kept,) = (tmp_path / "out" / MODELS_FOLDER).iterdir()
    assert before.files[str(path)] == kept.read_bytes()
    elsewhere = shutil.copy(path, tmp_path / "b.onnx")
    other = identify(load_job(packaged_job("detect.toml"), {**fields, "model": str(elsewhere)}))
    assert other.record.digest == before.record.digest
    # Stands for a compiler that would make other bytes of the same file.
    fleet_here("compile", path, "--output", tmp_path / "wide", "--size", "128x64")
    shutil.copy(tmp_path / "wide.om", kept)
    assert identify(job).files[str(path)] == (tmp_path / "wide.om").read_bytes()


def test_what_is_not_sure_is_refused_before_anything_is_written(
    town_hevc: Path, tmp_path: Path
) -> None:
    """With what would be needed."""
    (tmp_path / "bare.onnx").write_bytes(colour_network())
    with pytest.raises(
        ModelRefusedError, match=r"not a compiled model.*no head knows them"
    ) as refused:
        fleet.run(
            input=str(town_hevc),
            model=str(tmp_path / "bare.onnx"),
            output=str(tmp_path / "out"),
            on="inline",
        )
    assert "--labels FILE" in refused.value.way_out
    assert not (tmp_path / "out").exists()


def test_a_run_takes_a_job_or_its_fields(tmp_path: Path) -> None:
    """Not both, and not a part of them."""
    with pytest.raises(UsageError, match="no job, and no model, output"):
        fleet.run(input="clips")
    job = load_job(packaged_job("detect.toml"), {"output": str(tmp_path)})
    with pytest.raises(UsageError, match="threshold besides"):
        fleet.run(job, threshold=0.3)
