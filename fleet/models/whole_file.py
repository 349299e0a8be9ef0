"""Parsing model files, which must be whole: none may name data outside its own bytes.

ONNX lets any tensor of a file name another file by path. ONNX Runtime opens such paths relative to
the working directory, also where it is given the model as bytes: with a model that somebody else
made, it would read files of whoever runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

import onnx
from google.protobuf.message import Message  # type: ignore[import-untyped]
from onnx import TensorProto

from fleet.errors import ModelRefusedError


def parse_model(content: bytes, name: str) -> onnx.ModelProto:
    """Return the model in a file's content; `name` names the file in the error.

    Raises DecodeError where the bytes hold none, and ModelRefusedError where any tensor in it lies
    in another file: a weight, an attribute, part of a sparse tensor; in the graph, a subgraph, a
    function or the training.
    """
    model = onnx.ModelProto()
    model.ParseFromString(content)
    if next(external_tensors(model), None) is not None:
        raise ModelRefusedError(
            f"{name} is refused: some of its data lies in another file.",
            "Give the network with these files beside it, or save it as one file: "
            "onnx.save(onnx.load(FILE), ONE_FILE).",
        )
    return model


def external_tensors(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Yield the tensors of a model whose values lie in another file, wherever they are in it."""
    for message in _messages(model):
        if _lies_elsewhere(message):
            yield message


def _messages(root: Message) -> Iterator[Message]:
    """Yield a message and all that it holds, however deep, whatever the field."""
    left = [root]
    while left:
        message = left.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                left.extend([value] if isinstance(value, Message) else value)


def _lies_elsewhere(message: Message) -> TypeGuard[TensorProto]:
    return isinstance(message, TensorProto) and (
        message.data_location == TensorProto.EXTERNAL or len(message.external_data) > 0
    )
