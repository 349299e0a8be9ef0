"""Model files that name data in other files: each is refused before ONNX Runtime opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from networks import LABELS, colour_network
from onnx import TensorProto, helper, numpy_helper

from fleet.ascend.soc import soc
from fleet.device import Device
from fleet.errors import ModelRefusedError
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_model
from fleet.models.session import open_session

CHIP = soc("Ascend310")
SECRET = np.array([3.0, 1.0, 4.0, 1.0], np.float32)
FILE = "secret.bin"
INSIDE = numpy_helper.from_array(SECRET, "inside")
OPSET = [helper.make_opsetid("", 17)]

Attack = Callable[[onnx.ModelProto], object]


def external(kind: int = TensorProto.FLOAT) -> onnx.TensorProto:
    """Make a tensor [4] whose values lie in FILE of the working directory."""
    tensor = TensorProto(name="stolen", data_type=kind, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=FILE)
    return tensor


def sparse(*, values: bool) -> onnx.SparseTensorProto:
    """Make a sparse tensor whose values, or else indices, lie in FILE."""
    made = onnx.SparseTensorProto(dims=[4])
    inside = np.arange(4, dtype=np.int64)
    made.values.CopyFrom(external() if values else numpy_helper.from_array(SECRET, "stolen"))
    made.indices.CopyFrom(
        numpy_helper.from_array(inside, "i") if values else external(TensorProto.INT64)
    )
    return made


def constant(**value: Any) -> onnx.NodeProto:
    """Make a node that gives a constant."""
    return helper.make_node("Constant", [], ["stolen"], **value)


def branch(depth: int) -> onnx.NodeProto:
    """Make a condition in a condition, so many deep, whose innermost graph holds FILE's values."""
    if depth == 1:
        taken = branch_graph(helper.make_node("Identity", ["stolen"], ["got"]))
        taken.initializer.append(external())
    else:
        taken = branch_graph(branch(depth - 1), helper.make_node("Identity", ["chosen"], ["got"]))
    other = branch_graph(helper.make_node("Constant", [], ["got"], value=INSIDE))
    return helper.make_node("If", ["yes"], ["chosen"], then_branch=taken, else_branch=other)


def branch_graph(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    """Make a graph that a condition may choose."""
    output = helper.make_tensor_value_info("got", TensorProto.FLOAT, [4])
    return helper.make_graph(nodes, "branch", [], [output])


def function() -> onnx.FunctionProto:
    """Make a function whose body holds FILE's values."""
    body = [constant(value=external())]
    return helper.make_function("made.up", "Steal", [], ["stolen"], body, OPSET)


def in_training(model: onnx.ModelProto) -> None:
    """Put FILE's values into the part of a model that only trainers read."""
    model.training_info.add().algorithm.initializer.append(external())


def in_function_default(model: onnx.ModelProto) -> None:
    """Put FILE's values into the default of a function's attribute."""
    model.functions.append(function())
    model.functions[0].node[0].attribute[0].t.CopyFrom(numpy_helper.from_array(SECRET))
    model.functions[0].attribute_proto.append(helper.make_attribute("with", external()))


def without_the_flag(model: onnx.ModelProto) -> None:
    """Name FILE, and say that the values lie in the model."""
    model.graph.initializer.append(external())
    model.graph.initializer[-1].data_location = TensorProto.DEFAULT


ATTACKS: dict[str, Attack] = {
    "a weight": lambda m: m.graph.initializer.append(external()),
    "a weight that says it does not": without_the_flag,
    "an attribute": lambda m: m.graph.node.append(constant(value=external())),
    "a list in an attribute": lambda m: m.graph.node.append(
        helper.make_node("Many", [], ["many"], domain="made.up", tensors=[INSIDE, external()])
    ),
    "a sparse weight's values": lambda m: m.graph.sparse_initializer.append(sparse(values=True)),
    "a sparse weight's indices": lambda m: m.graph.sparse_initializer.append(sparse(values=False)),
    "a sparse attribute": lambda m: m.graph.node.append(constant(sparse_value=sparse(values=True))),
    "a list of sparse tensors": lambda m: m.graph.node.append(
        helper.make_node(
            "Many", [], ["many"], domain="made.up", sparse_tensors=[sparse(values=False)]
        )
    ),
    "a subgraph": lambda m: m.graph.node.append(branch(1)),
    "a subgraph twenty deep": lambda m: m.graph.node.append(branch(20)),
    "a list of subgraphs": lambda m: m.graph.node.append(
        helper.make_node("Many", [], ["many"], domain="made.up", graphs=[branch(1).attribute[1].g])
    ),
    "a function": lambda m: m.functions.append(function()),
    "a function's default": in_function_default,
    "what trainers read": in_training,
}


@pytest.fixture
def beside_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory that holds FILE."""
    (tmp_path / FILE).write_bytes(SECRET.tobytes())
    monkeypatch.chdir(tmp_path)


def attacked(content: bytes, attack: Attack) -> bytes:
    """Return a model with the attack in it."""
    model = onnx.load_model_from_string(content)
    attack(model)
    changed: bytes = model.SerializeToString()
    return changed


def compiled(content: bytes) -> bytes:
    """Compile a network of YOLOv8's layout."""
    return compile_model(content, head="yolov8", labels=LABELS, name="made", soc=CHIP)


@pytest.mark.parametrize("where", ATTACKS)
@pytest.mark.usefixtures("beside_the_secret")
def test_an_onnx_file_that_names_another_file_is_not_compiled(where: str) -> None:
    """Wherever the name stands."""
    content = attacked(colour_network(), ATTACKS[where])
    with pytest.raises(ModelRefusedError, match=r"made is refused.*another file.*as one file"):
        compiled(content)


@pytest.mark.parametrize("where", ATTACKS)
@pytest.mark.usefixtures("beside_the_secret")
def test_a_compiled_model_that_names_another_file_is_not_opened(where: str) -> None:
    """Neither for its card nor on a device, whoever has put the name into it."""
    om = attacked(compiled(colour_network()), ATTACKS[where])
    with pytest.raises(ModelRefusedError, match=r"made\.om is refused.*another file"):
        read_card(om, "made.om")
    Path("made.om").write_bytes(om)
    with Device(CHIP) as device, pytest.raises(ModelRefusedError, match="another file"):
        device.load("made.om")


def reader_of_the_secret(where: str) -> bytes:
    """Make a model whose output is FILE's content, named in one of three places."""
    nodes = [helper.make_node("Identity", ["stolen"], ["out"])]
    if where == "an attribute":
        nodes.insert(0, constant(sparse_value=sparse(values=True)))
    elif where == "a subgraph":
        nodes = [branch(1), helper.make_node("Identity", ["chosen"], ["out"])]
    graph = helper.make_graph(
        nodes,
        "reader",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [4])],
        [numpy_helper.from_array(np.array(True), "yes")],
    )
    if where == "a sparse weight":
        graph.sparse_initializer.append(sparse(values=True))
    content: bytes = helper.make_model(graph, opset_imports=OPSET, ir_version=8).SerializeToString()
    return content


@pytest.mark.parametrize("where", ["an attribute", "a sparse weight", "a subgraph"])
@pytest.mark.usefixtures("beside_the_secret")
def test_onnx_runtime_alone_would_read_the_file(where: str) -> None:
    """The attack is real: given as bytes, the model's output is the file; here it is refused."""
    content = reader_of_the_secret(where)
    alone = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (stolen,) = alone.run(None, {})
    np.testing.assert_array_equal(stolen, SECRET)
    with pytest.raises(ModelRefusedError, match="reader is refused"):
        open_session(content, "reader")


def test_bytes_that_pass_for_another_format_are_read_as_onnx() -> None:
    """Bytes 4 to 8 say ORTM, which ONNX Runtime takes for its own format; the check saw ONNX."""
    model = onnx.load_model_from_string(compiled(colour_network()))
    # A field that no version knows comes first: its key, its length, its bytes.
    content = b"\xfa\x3f\x06_ORTM_" + model.SerializeToString()
    assert content[4:8] == b"ORTM"
    assert read_card(content, "made.om").name == "made"


def test_what_is_refused_is_not_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime would repeat names of the file there, with all that they hold."""
    model = onnx.load_model_from_string(colour_network())
    model.graph.initializer.append(numpy_helper.from_array(np.array([5, 5]), "wrong"))
    name = "\x1b]0;a title\x07"
    model.graph.node.append(helper.make_node("Reshape", ["mean", "wrong"], ["x"], name=name))
    model.graph.output.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, None))
    with pytest.raises(ModelRefusedError, match="does not run it"):
        compiled(model.SerializeToString())
    assert capfd.readouterr().err == ""
