"""What tests of the command share: models, and an output that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsed import Served, served
from command import fleet_here
from everywhere import write_everywhere
from two_videos import two_videos

from fleet.browse.asked import key_of


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


@pytest.fixture(scope="module")
def browsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of which an output has looked at one, and a file beside them."""
    folder = tmp_path_factory.mktemp("browse")
    two_videos(folder)
    return folder


@pytest.fixture(scope="module")
def server(browsed: Path) -> Iterator[Served]:
    """The output, served."""
    with served(str(browsed / "out")) as server:
        yield server


@pytest.fixture
def key(browsed: Path) -> str:
    """What the video is asked for by."""
    return key_of(str(browsed / "gate.mp4"))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that sees one of everything, for demos."""
    path = tmp_path_factory.mktemp("network") / "everywhere.onnx"
    write_everywhere(path)
    return path
