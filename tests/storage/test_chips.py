"""A whole run on each simulated chip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

import fleet
from fleet import Device, FrameBatch, FrameJob, Network, Rows
from fleet.ascend.soc import CHIPS
from fleet.errors import FleetError
from fleet.models.compiler.compile import compile_model, read_labels

CHIP_SCHEMA = pa.schema([("x", pa.float32()), ("y", pa.float32()), ("score", pa.float32())])


@dataclass(frozen=True)
class Found(FrameJob[Network]):
    """A row for each object, from a compiled model."""

    model: str

    table: ClassVar[str] = "found"
    schema: ClassVar[pa.Schema] = CHIP_SCHEMA

    def open(self, device: Device) -> Network:
        """Load the model."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Rows:
        """Detect, and keep where each object begins."""
        found = opened.detect(batch, 0.3)
        columns = {"x": found.xyxy[:, 0], "y": found.xyxy[:, 1], "score": found.score}
        return Rows(found.picture, columns)


def compiled(chip: str, onnx: Path, names: Path, folder: Path) -> Path:
    """The real detector for a chip."""
    om = compile_model(
        onnx.read_bytes(),
        head="fastestdet",
        labels=read_labels(names.read_text("utf-8"), str(names)),
        name="fastestdet",
        soc=CHIPS[chip],
    )
    path = folder / f"{chip}.om"
    path.write_bytes(om)
    return path


def job(chip: str, model: Path, video: Path, folder: Path) -> fleet.Job:
    """Some frames of a real clip, on a chip."""
    return fleet.Job(
        Found(str(model)), inputs=[video], output=folder / chip, sample="every=40", soc=chip
    )


def test_the_same_job_gives_the_same_rows_on_each_chip(
    town_mkv: Path, fastestdet_onnx: Path, coco_names: Path, tmp_path: Path
) -> None:
    """Byte for byte: a chip refuses and takes its time, and changes no result."""
    rows = {}
    for chip in CHIPS:
        model = compiled(chip, fastestdet_onnx, coco_names, tmp_path)
        report = fleet.run(job(chip, model, town_mkv, tmp_path), on="inline")
        assert report.exit_code == 0
        assert report.soc == chip
        table = fleet.read(report.output).table("found").to_table()
        rows[chip] = table.select(["frame", *CHIP_SCHEMA.names]).sort_by("frame")
    assert len(rows["Ascend310"]) > 10
    assert np.isfinite(rows["Ascend310"]["score"].to_numpy()).all()
    assert all(rows[chip].equals(rows["Ascend310"]) for chip in CHIPS)


@pytest.mark.parametrize(
    ("made", "used"), [("Ascend310", "Ascend310P3"), ("Ascend310P3", "Ascend310")]
)
def test_a_model_of_one_chip_is_refused_by_the_other(
    made: str, used: str, town_mkv: Path, fastestdet_onnx: Path, coco_names: Path, tmp_path: Path
) -> None:
    """In each direction (docs/chip.md#model-load-soc)."""
    model = compiled(made, fastestdet_onnx, coco_names, tmp_path)
    wrong = job(used, model, town_mkv, tmp_path)
    with pytest.raises(FleetError, match=rf"{made}.*{used}.*545001") as refused:
        fleet.run(wrong, on="inline")
    assert f"--soc {used}" in refused.value.way_out
