"""Reading the two files of a Caffe network: layers as text, weights as bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from google.protobuf import text_format  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from fleet.errors import ModelRefusedError
from fleet.models.caffe.schema import new_net

TRAIN, TEST = 0, 1
_TOKEN = re.compile(
    r'#[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|(?P<layer>\blayer\s*:?\s*\{)|[{}]'
)
"""Comments and strings, which may hold braces; a layer's beginning; other braces."""
Blobs = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, eq=False)
class CaffeNet:
    """The layers that work in inference, and the weights of all."""

    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    """The inputs in their order: name and shape."""
    layers: tuple[Any, ...]
    """The other layers, as messages, in their order."""
    weights: Mapping[str, Blobs]
    """The blobs of each layer that has any, by its name."""


def refuse_caffe(what: str, way_out: str) -> NoReturn:
    """Raise ModelRefusedError for a Caffe network."""
    raise ModelRefusedError(what, way_out)


def layer_title(layer: Any) -> str:
    """Return how a layer is called in a message: its name and type."""
    return f"the layer {layer.name!r} of type {layer.type}"


def read_net(
    prototxt: str,
    caffemodel: bytes,
    known: frozenset[str],
    outputs: Sequence[str] | None = None,
) -> CaffeNet:
    """Return the network of two files; `known` are the types of layers that can be translated.

    With `outputs`, blobs, only what these need counts: other layers may be of any type. Raises
    ModelRefusedError for text or bytes that cannot be read, and for unknown layers, all of which
    are named.
    """
    net = _parse(prototxt if outputs is None else _cut(prototxt, outputs), known)
    layers = [layer for layer in net.layer if _is_in_test(layer)]
    inputs = _declared_inputs(net) + [
        (top, tuple(shape.dim))
        for layer in layers
        if layer.type == "Input"
        for top, shape in zip(layer.top, _input_shapes(layer), strict=True)
    ]
    if not inputs:
        what = "The prototxt has no input."
        refuse_caffe(what, "Give it a layer of type Input with its shape (a deploy prototxt).")
    others = tuple(layer for layer in layers if layer.type != "Input")
    return CaffeNet(tuple(inputs), others, _weights(caffemodel))


def read_layers(prototxt: str) -> list[Any]:
    """Return the layers of a prototxt that work in inference, of any type."""
    return [layer for layer in _parse_loosely(prototxt).layer if _is_in_test(layer)]


def _cut(prototxt: str, outputs: Sequence[str]) -> str:
    """Return the text without the layers that no output needs."""
    wanted, kept = set(outputs), set[int]()
    layers = list(enumerate(_parse_loosely(prototxt).layer))
    for at, layer in reversed(layers):
        if _is_in_test(layer) and (layer.type == "Input" or wanted.intersection(layer.top)):
            kept.add(at)
            wanted.update(layer.bottom)
    spans = [(match.start(), _end(prototxt, match.end())) for match in _layers_in(prototxt)]
    for at, (start, end) in reversed([*enumerate(spans)]):
        if at not in kept:
            # Lines keep their numbers, for errors further down.
            prototxt = prototxt[:start] + "\n" * prototxt.count("\n", start, end) + prototxt[end:]
    return prototxt


def _layers_in(prototxt: str) -> list[re.Match[str]]:
    """Return where layers begin: the word at the top level of the text, with its brace."""
    found: list[re.Match[str]] = []
    end = 0
    for match in _TOKEN.finditer(prototxt):
        if match.start() >= end and match["layer"]:
            found.append(match)
            end = _end(prototxt, match.end())
    return found


def _end(prototxt: str, start: int) -> int:
    """Return where the brace closes that was opened before `start`."""
    depth = 1
    for match in _TOKEN.finditer(prototxt, start):
        depth += match[0].endswith("{") - (match[0] == "}")
        if not depth:
            return match.end()
    return len(prototxt)


def _parse_loosely(prototxt: str) -> Any:
    net = new_net()
    try:
        text_format.Parse(prototxt, net, allow_unknown_field=True)
    except text_format.ParseError as error:
        raise _unreadable(error) from None
    return net


def _unreadable(error: Any) -> ModelRefusedError:
    what = f"The prototxt cannot be read at line {error.GetLine()}: {error}."
    way_out = "It is text in the form of caffe.proto; take out what only training uses."
    return ModelRefusedError(what, way_out)


def _parse(prototxt: str, known: frozenset[str]) -> Any:
    net = _parse_loosely(prototxt)
    strange = [layer_title(e) for e in net.layer if _is_in_test(e) and e.type not in known]
    if strange:
        what = f"The prototxt holds what cannot be translated: {'; '.join(strange)}."
        listed = ", ".join(sorted(known))
        refuse_caffe(what, f"Cut the network before them with --out_nodes. Known are: {listed}.")
    if net.layers:
        what = "The prototxt is of Caffe's first format (layers { type: CONVOLUTION })."
        refuse_caffe(what, "Convert both files by Caffe's upgrade_net_proto_text and _binary.")
    strict = new_net()
    try:
        text_format.Parse(prototxt, strict)
    except text_format.ParseError as error:
        raise _unreadable(error) from None
    return strict


def _is_in_test(layer: Any) -> bool:
    if any(rule.phase == TEST and rule.HasField("phase") for rule in layer.exclude):
        return False
    return not layer.include or any(
        rule.phase == TEST or not rule.HasField("phase") for rule in layer.include
    )


def _declared_inputs(net: Any) -> list[tuple[str, tuple[int, ...]]]:
    shapes = [tuple(shape.dim) for shape in net.input_shape]
    if not shapes:
        dims = list(net.input_dim)
        shapes = [tuple(dims[at : at + 4]) for at in range(0, len(dims), 4)]
    if len(shapes) != len(net.input):
        what = f"The prototxt names {len(net.input)} inputs and {len(shapes)} shapes."
        refuse_caffe(what, "Write an input_shape { dim: ... } for each input.")
    return list(zip(net.input, shapes, strict=True))


def _input_shapes(layer: Any) -> list[Any]:
    shapes = list(layer.input_param.shape)
    if len(shapes) == 1:
        shapes *= len(layer.top)
    if len(shapes) != len(layer.top):
        what = f"In {layer_title(layer)} are {len(layer.top)} tops and {len(shapes)} shapes."
        refuse_caffe(what, "Write input_param { shape { dim: ... } } for each top.")
    return shapes


def _weights(caffemodel: bytes) -> dict[str, Blobs]:
    net = new_net()
    try:
        net.ParseFromString(caffemodel)
    except DecodeError:
        what = f"The weights are no caffemodel, or cut off: {len(caffemodel):,} bytes."
        raise ModelRefusedError(what, "Fetch the .caffemodel again, whole.") from None
    found = {
        layer.name: tuple(_blob(blob) for blob in layer.blobs)
        for layer in (*net.layers, *net.layer)
        if layer.blobs
    }
    if not found:
        what = f"The weights hold no layer with weights ({len(caffemodel):,} bytes)."
        refuse_caffe(what, "Name the .caffemodel that belongs to the prototxt.")
    return found


def _blob(blob: Any) -> NDArray[np.float32]:
    values = np.array(blob.data or blob.double_data, np.float32)
    legacy = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else legacy
    if values.size != int(np.prod(shape, dtype=np.int64)):
        what = f"A blob of the weights has the shape {list(shape)} and {values.size} numbers."
        refuse_caffe(what, "Fetch the .caffemodel again, whole.")
    return values.reshape(shape)
