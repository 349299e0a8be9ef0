"""Networks that come with their weights in other files: packed where those lie beside them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from command import fleet_here
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LABELS, colour_network
from onnx import TensorProto

from fleet.errors import ModelRefusedError, UsageError
from fleet.models.external_data import read_network
from fleet.storage import Folder

SECRET = b"what somebody else's network is not to read"
TENSOR = "boxes"
"""A weight of the network."""
NAMES = ("weights", "a/weights.bin", "a/b/c.data", "with space", "weights.onnx.data", "ä")


def network() -> onnx.ModelProto:
    """A network whose weights lie in its own file, each as raw bytes."""
    return onnx.load_model_from_string(colour_network(boxes=[(20.0, 10.0, 8.0, 4.0)] * 9))


def named(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    """Return a weight."""
    (found,) = [item for item in model.graph.initializer if item.name == name]
    assert isinstance(found, TensorProto)
    return found


def put_elsewhere(tensor: onnx.TensorProto, **place: object) -> None:
    """Have a tensor's values lie somewhere else."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_split_network_is_the_one_that_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Some of its weights or all, in any files below its folder, behind anything, in any order."""
    folder = tmp_path_factory.mktemp("split")
    model, whole = network(), network()
    files: dict[str, bytes] = {}
    for tensor in data.draw(st.permutations(list(model.graph.initializer))):
        name = data.draw(st.sampled_from([None, *NAMES]))
        if name is None:
            continue
        before = files.get(name, b"") + data.draw(st.binary(max_size=9))
        dotted = data.draw(st.sampled_from(["", "./"]))
        place = {
            "location": f"{dotted}{name}",
            "offset": len(before),
            "length": len(tensor.raw_data),
        }
        files[name] = before + tensor.raw_data + data.draw(st.binary(max_size=9))
        put_elsewhere(tensor, **place)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    packed = onnx.load_model_from_string(read_network(str(folder / "net.onnx")))
    for tensor in packed.graph.initializer:
        tensor.ClearField("data_location")
    assert packed == whole


@pytest.mark.parametrize("one_file", [True, False])
def test_a_split_network_compiles_and_runs_as_the_whole(tmp_path: Path, one_file: bool) -> None:
    """As onnx and PyTorch split it; by `fleet compile` and `fleet atc`."""
    (tmp_path / "whole.onnx").write_bytes(colour_network())
    onnx.save(
        network_of(tmp_path), tmp_path / "split.onnx", save_as_external_data=True,
        all_tensors_to_one_file=one_file, location="split.data" if one_file else None, size_threshold=0,
    )  # fmt: skip
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    known = ("--head", "yolov8", "--labels", "labels.txt")
    for name in ("whole", "split"):
        done = fleet_here("compile", f"{name}.onnx", *known, "--output", name, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    asked = ("--model=split.onnx", "--framework=5", "--soc_version=Ascend310", "--output=atc")
    assert fleet_here("atc", *asked, *known, folder=tmp_path).returncode == 0
    outputs = []
    for name in ("whole", "split", "atc"):
        options = ("--model", f"{name}.om", "--output", name)
        assert fleet_here("infer", *options, folder=tmp_path).returncode == 0
        (file,) = (tmp_path / name).rglob("*_0.bin")
        outputs.append(file.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def network_of(folder: Path) -> onnx.ModelProto:
    """Load the whole network."""
    return onnx.load(folder / "whole.onnx")


PARTS = st.sampled_from(["..", ".", "", "a", "b", "out", "loop", "secret", "~", "C:"])


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=5), rooted=st.sampled_from(["", "/", "ROOT/"]))
def test_nothing_outside_of_its_folder_is_read(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], rooted: str
) -> None:
    """Absolute paths, .. and links that lead out of it, however they are put together."""
    base = maze(tmp_path_factory)
    location = rooted.replace("ROOT", str(base)) + "/".join(parts)
    model = network()
    put_elsewhere(named(model, TENSOR), location=location)
    path = base / "inside" / "net.onnx"
    path.write_bytes(model.SerializeToString())
    target = Path(os.path.realpath(base / "inside" / location))
    if ".." not in parts and target.is_relative_to(base / "inside") and target.is_file():
        with suppress(ModelRefusedError):
            assert SECRET not in read_network(str(path))
        return
    with pytest.raises(ModelRefusedError) as refusal:
        read_network(str(path))
    assert str(path) in refusal.value.message
    assert SECRET.decode() not in str(refusal.value)


_BASES: list[Path] = []


def maze(factory: pytest.TempPathFactory) -> Path:
    """Make, once, a folder with a secret beside the network's, and links of each kind to it."""
    if _BASES:
        return _BASES[0]
    base = Path(os.path.realpath(factory.mktemp("maze")))
    inside = base / "inside"
    (inside / "a" / "b").mkdir(parents=True)
    (base / "secret").write_bytes(SECRET)
    (base / "out").mkdir()
    (base / "out" / "secret").write_bytes(SECRET)
    (inside / "secret").symlink_to("../secret")
    (inside / "out").symlink_to("../out")
    (inside / "a" / "out").symlink_to(base / "out")
    (inside / "a" / "secret").symlink_to(base / "secret")
    (inside / "a" / "b" / "b").write_bytes(bytes(36 * 4))
    (inside / "loop").symlink_to("loop")
    _BASES.append(base)
    return base


@pytest.mark.parametrize("location", ["/etc/hostname", "../secret", "secret", "out/secret", "a/out/secret", "loop", "a", ""])  # fmt: skip
def test_what_leads_out_of_the_folder_is_refused(
    tmp_path_factory: pytest.TempPathFactory, location: str
) -> None:
    """With the name, and the way to one file."""
    base = maze(tmp_path_factory)
    model = network()
    put_elsewhere(named(model, TENSOR), location=location)
    path = base / "inside" / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefusedError, match=r"net\.onnx is refused.*onnx\.save") as refusal:
        read_network(str(path))
    assert location in refusal.value.message


def test_a_link_to_a_file_beside_it_is_read(tmp_path: Path) -> None:
    """It leads nowhere else."""
    model = network()
    (tmp_path / "real").write_bytes(named(model, TENSOR).raw_data)
    (tmp_path / "alias").symlink_to("real")
    put_elsewhere(named(model, TENSOR), location="alias")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    packed = onnx.load_model_from_string(read_network(str(tmp_path / "net.onnx")))
    assert named(packed, TENSOR).raw_data == named(network(), TENSOR).raw_data


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"location": "gone.bin"}, "it keeps data in gone.bin, which is not in "),
        ({"location": "a/gone.bin"}, "it keeps data in a/gone.bin, which is not in "),
        ({"location": "short", "length": 144}, "lies at bytes 0 to 144 of short, which has 100"),
        ({"location": "short", "offset": 99, "length": 4}, "lies at bytes 99 to 103 of short"),
        ({"location": "short", "offset": 101}, "lies at bytes 101 to 100 of short"),
        ({"location": "short", "offset": -4}, "does not say where its data lies"),
        ({"location": "short", "length": "many"}, "does not say where its data lies"),
        ({"location": "short", "offset": "9" * 5000}, "does not say where its data lies"),
        ({"offset": 0}, "does not say where its data lies"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, place: dict[str, object], said: str) -> None:
    """The file, or the tensor and the bytes; by the command, without a traceback."""
    (tmp_path / "short").write_bytes(bytes(100))
    model = network()
    put_elsewhere(named(model, TENSOR), **place)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    done = fleet_here("compile", "net.onnx", "--output", "net", folder=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "net.om").exists()


def test_a_network_over_two_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """No single file holds it; the file is sparse here."""
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**31)
    model = network()
    put_elsewhere(named(model, TENSOR), location="huge")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefusedError, match="over 2 GB"):
        read_network(str(tmp_path / "net.onnx"))


def test_it_is_packed_in_a_store_too() -> None:
    """By the names of objects below the network's folder."""
    model = network()
    folder = Folder("memory://models/of/mine")
    folder.put("data/w", named(model, TENSOR).raw_data)
    put_elsewhere(named(model, TENSOR), location="data/w")
    folder.put("net.onnx", model.SerializeToString())
    packed = onnx.load_model_from_string(read_network("memory://models/of/mine/net.onnx"))
    values = onnx.numpy_helper.to_array(named(packed, TENSOR))
    np.testing.assert_array_equal(values, onnx.numpy_helper.to_array(named(network(), TENSOR)))


def test_what_is_no_network_comes_back_as_it_is(tmp_path: Path) -> None:
    """Whoever reads it next says what is wrong; a file that is not there is refused here."""
    (tmp_path / "text.onnx").write_bytes(b"plain text")
    assert read_network(str(tmp_path / "text.onnx")) == b"plain text"
    with pytest.raises(UsageError, match="does not exist"):
        read_network(str(tmp_path / "gone.onnx"))
