"""What tests of the command share: a model that it has compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import fleet_here


@pytest.fixture(scope="module")
def model(
    fastestdet_onnx: Path, coco_names: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The real detector, compiled by the command."""
    output = tmp_path_factory.mktemp("model") / "fastestdet"
    done = fleet_here(
        "compile",
        fastestdet_onnx,
        "--head",
        "fastestdet",
        "--labels",
        coco_names,
        "--output",
        output,
    )
    assert done.returncode == 0, done.stderr
    assert "simulated Ascend310" in done.stdout
    assert "80 labels" in done.stdout
    return output.with_suffix(".om")
