"""Runs that read a network by a head of the job's own module: here, on Ray, and submitted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from command import fleet_here
from networks import LABELS, colour_network
from own_heads import write_job
from ray_head import Head, ray_head

import fleet

KEYS = ("uri", "frame", "label", "score", "x1", "y1", "x2", "y2")


@pytest.fixture(scope="module")
def job(town_hevc: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job file whose model is compiled for the head in the job's module."""
    home = tmp_path_factory.mktemp("own")
    (home / "colours.onnx").write_bytes(colour_network())
    (home / "labels.txt").write_text("\n".join(LABELS))
    path = write_job(home, town_hevc)
    options = ["--head", "look.py:lightest", "--labels", "labels.txt", "--output", "look"]
    done = fleet_here("compile", "colours.onnx", *options, folder=home)
    assert done.returncode == 0, done.stderr
    path.write_text(path.read_text().replace('"look.om"', f'"{home}/look.om"'))
    return path


@pytest.fixture(scope="module")
def inline(job: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """The rows of a run in this process."""
    output = tmp_path_factory.mktemp("inline") / "out"
    done = fleet_here("run", job, "--inline", "--output", output)
    assert done.returncode == 0, done.stderr
    return rows(output)


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A cluster of two simulated devices."""
    with ray_head(2) as running:
        yield running


def rows(output: Path) -> list[dict[str, object]]:
    """Return the boxes of an output, in order."""
    table: pa.Table = fleet.read(str(output)).table("detections").to_table()
    found: list[dict[str, object]] = table.select(KEYS).to_pylist()
    return sorted(found, key=lambda row: (row["uri"], row["frame"]))


def test_each_frame_has_the_box_that_the_head_returns(inline: list[dict[str, object]]) -> None:
    """A tenth of the picture wide, all of it high, scored by its strongest colour."""
    assert len(inline) == 20
    for row in inline:
        assert [row[side] for side in ("x1", "y1", "x2", "y2")] == pytest.approx([0, 0, 76.8, 576])
        assert row["label"] in LABELS
        assert 0.1 < float(str(row["score"])) < 1


def test_on_ray_and_submitted_the_rows_are_the_same(
    job: Path, head: Head, inline: list[dict[str, object]], tmp_path: Path
) -> None:
    """Workers get the class by value; a cluster gets the module with the job."""
    command = [sys.executable, "-m", "fleet.cli", "run", str(job), "--output", f"{tmp_path}/ray"]
    around = {**head.environment, "RAY_ADDRESS": head.address}
    ran = subprocess.run(command, env=around, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert rows(tmp_path / "ray") == inline
    sent = head.fleet("submit", job, "--output", tmp_path / "sent")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert "look.py" in sent.stderr
    assert rows(tmp_path / "sent") == inline


def test_verify_decodes_again_with_the_head(
    job: Path, inline: list[dict[str, object]], tmp_path: Path
) -> None:
    """As a worker does."""
    assert fleet_here("run", job, "--inline", "--output", tmp_path).returncode == 0
    done = fleet_here("verify", tmp_path, job, "--deep", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal to the last bit" in done.stdout
    assert rows(tmp_path) == inline
