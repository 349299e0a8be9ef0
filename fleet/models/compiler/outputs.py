"""Other outputs for an ONNX network: values inside it, or the same in another type."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from fleet.models.compiler.atc_options import OutNode
from fleet.models.compiler.graph import infer_shapes, parse_onnx, refuse

TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def with_outputs(
    content: bytes, name: str, nodes: Sequence[OutNode], dtype: str | None = None
) -> bytes:
    """Return the network with these outputs of nodes in place of its own, in a type.

    Without `nodes` it keeps its own, without `dtype` their type. What no output needs is removed.
    Raises ModelRefusedError for a node that is not there, or an output that it does not have.
    """
    if not nodes and dtype is None:
        return content
    model = parse_onnx(content, name)
    if nodes:
        values = [_value(model, name, node) for node in nodes]
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=value) for value in values)
        _prune(model.graph)
        model = infer_shapes(model, name)
    if dtype is not None:
        _cast(model.graph, TYPES[dtype])
    result: bytes = model.SerializeToString(deterministic=True)
    return result


def _value(model: onnx.ModelProto, name: str, wanted: OutNode) -> str:
    node = next((node for node in model.graph.node if node.name == wanted.node), None)
    if node is None:
        named = [item.name for item in model.graph.node if item.name]
        what = f"it has no node {wanted.node!r}."
        refuse(name, what, f"Its last ones are: {', '.join(named[-5:]) or 'without names'}.")
    if wanted.index >= len(node.output):
        what = f"its node {wanted.node!r} has {len(node.output)} outputs."
        refuse(name, what, f"--out_nodes counts from 0: {wanted.index} is not there.")
    return str(node.output[wanted.index])


def _prune(graph: onnx.GraphProto) -> None:
    used = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            kept.append(node)
            used.update(_read(node))
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [item for item in graph.initializer if item.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _read(node: onnx.NodeProto) -> set[str]:
    """Return all values that a node reads, those of its branches too."""
    found = set(node.input)
    for attribute in node.attribute:
        for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
            for inner in graph.node:
                found |= _read(inner)
    return found


def _cast(graph: onnx.GraphProto, kind: int) -> None:
    for output in graph.output:
        if output.type.tensor_type.elem_type == kind:
            continue
        own = f"{output.name}#own"
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = [own if value == output.name else value for value in names]
        graph.node.append(helper.make_node("Cast", [own], [output.name], to=kind))
        output.type.tensor_type.elem_type = kind
