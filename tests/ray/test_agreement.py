"""What the device finds against a plain detector on RGB pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from agreement import Boxes, partners, reference
from excerpt import excerpt

import fleet

JOBS = Path(__file__).parents[2] / "jobs"


def boxes(table: pa.Table) -> dict[int, Boxes]:
    """Gather a detections table by frame number."""
    names = ["x1", "y1", "x2", "y2", "score", "class_id"]
    values = np.stack([table[name].to_numpy().astype(np.float32) for name in names], axis=1)
    frames = table["frame"].to_numpy()
    return {int(number): values[frames == number] for number in np.unique(frames)}


def test_nv12_and_aipp_find_what_a_plain_detector_finds(
    town: Path, fastestdet_onnx: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """At least 97 % of all sure boxes on either side have a partner on the other."""
    clip = excerpt(town, 400, tmp_path / "town.mp4")
    settings = {"input": [str(clip)], "model": str(fastestdet), "output": str(tmp_path / "out")}
    job = fleet.load_job(JOBS / "detect.toml", {**settings, "sample": "every=8", "devices": 1})
    assert fleet.run(job, on="inline").exit_code == 0
    ours = boxes(fleet.read(str(tmp_path / "out")).table("detections").to_table())
    matched, checked = partners(ours, reference(fastestdet_onnx, clip, 8, 0.4))
    assert checked > 1000
    assert matched >= 0.97 * checked, f"{matched} of {checked}"
