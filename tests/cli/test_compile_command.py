"""`fleet compile`: the name of what is written, its chip, and what is refused."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from command import fleet_here
from onnx import TensorProto, helper


def test_a_model_gets_the_name_that_is_asked_for(
    model: Path, fastestdet_onnx: Path, coco_names: Path, tmp_path: Path
) -> None:
    """With .om or without, it is written once, and is the same model."""
    written = tmp_path / "fastestdet.om"
    args = ("--head", "fastestdet", "--labels", coco_names, "--output", written)
    done = fleet_here("compile", fastestdet_onnx, *args)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fastestdet.om"]
    assert written.read_bytes() == model.read_bytes()


@pytest.mark.parametrize("option", ["--soc", "--soc_version"])
def test_a_model_is_compiled_for_the_chip_that_is_named(
    option: str, fastestdet_onnx: Path, coco_names: Path, tmp_path: Path
) -> None:
    """By Fleet's option or by ATC's."""
    args = ("--head", "fastestdet", "--labels", coco_names, "--output", tmp_path / "made")
    done = fleet_here("compile", fastestdet_onnx, *args, option, "Ascend310P3")
    assert done.returncode == 0, done.stderr
    assert "simulated Ascend310P3" in done.stdout


def network(path: Path, shape: list[int | str], out: list[int | str]) -> Path:
    """Write a network that pools its input to `out`'s size: enough to be compiled or refused."""
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, out)
    node = helper.make_node("GlobalAveragePool", ["images"], ["output"])
    graph = helper.make_graph([node], "g", [image], [output])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(made, str(path))
    return path


@pytest.mark.parametrize(
    ("shape", "head", "words"),
    [
        ([1, 16000], "yolov8", ["image"]),
        ([1, 3, "h", "w"], "yolov8", ["--size"]),
        ([1, 3, 320, 320], "yolov8", ["yolov8"]),
        ([1, 3, 320, 320], "yolov99", ["yolov99", "fastestdet"]),
    ],
)
def test_a_model_that_cannot_be_compiled_is_refused(
    tmp_path: Path, coco_names: Path, shape: list[int | str], head: str, words: list[str]
) -> None:
    """No image, open sizes, outputs that do not suit the head, a head that there is not."""
    path = network(tmp_path / "net.onnx", shape, [1, 3, 1, 1])
    done = fleet_here(
        "compile", path, "--head", head, "--labels", coco_names, "--output", tmp_path / "net"
    )
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "net.om").exists()
