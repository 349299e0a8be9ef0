"""The third exercise whole: the street detector in Caffe's form, ATC, msame, and a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import fleet_here
from exercise import (
    CAFFE,
    COMPILED,
    MOST_AP_APART,
    detect,
    farthest,
    maps_of,
    msame,
    write_exercise,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four seconds of the demo's street, the network in both forms, and AIPP's file."""
    made = tmp_path_factory.mktemp("exercise")
    write_exercise(made)
    street = ("street", "--output", made / "archive", "--cameras", 2, "--seconds", 2, "--seed", 7)
    done = fleet_here(*street)
    assert done.returncode == 0, done.stderr
    return made


def test_a_run_with_the_caffe_network_finds_what_the_onnx_finds(folder: Path) -> None:
    """Raw maps with a head, and the end of the classic network: rows equal to 1e-3, and the AP."""
    for name, command in COMPILED.items():
        done = fleet_here(*command, folder=folder)
        assert done.returncode == 0, done.stderr
        if name == "onnx":
            continue
        assert done.stdout.startswith("ATC start working now, please wait for a moment.\n")
        assert done.stdout.endswith("ATC run success, welcome to the next use.\n")
        assert "rbuv_swap_switch exchanges U and V" in done.stdout
        assert ("done by the head yolov3" in done.stdout) == (name == "ended")
    options = ("--inline", "--sample", "every=2", "--set", "threshold=0.2")
    wanted, *others = (detect(folder, folder / "archive", name, *options) for name in COMPILED)
    assert len(wanted.rows) > 10
    assert len({row[2] for row in wanted.rows}) > 1
    assert wanted.ap > 0.1
    for found in others:
        assert farthest(found, wanted) <= 1
        assert found.ap50 == pytest.approx(wanted.ap50, abs=MOST_AP_APART)
        assert found.ap == pytest.approx(wanted.ap, abs=MOST_AP_APART)


def test_msame_times_the_network_of_two_inputs(folder: Path) -> None:
    """A hundred times, with the picture and its size as files; three outputs as text."""
    compiled = fleet_here(*CAFFE, "--model=ended.prototxt", "--output=timed.om", folder=folder)
    assert "timed.om.om is written, as by ATC" in compiled.stdout
    _, numbers = msame(folder, "timed.om.om")
    assert numbers == maps_of("timed.om")
