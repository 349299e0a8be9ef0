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

CHIP_MAGIC = b"IMOD"
"""How .om files of ATC begin: 0x444F4D49, MODEL_FILE_MAGIC_NUM of hicann/ge."""


def parse_model(content: bytes, name: str) -> onnx.ModelProto:
    """Return the model in a file's content; `name` names the file in the error.

    Raises DecodeError where the bytes hold none, and ModelRefusedError for a model of ATC's for a
    real chip, for names that are no text, and where any tensor in it lies in another file: a
    weight, an attribute, part of a sparse tensor; in the graph, a subgraph, a function or the
    training.
    """
    if content[: len(CHIP_MAGIC)] == CHIP_MAGIC:
        raise ModelRefusedError(
            f"{name} is a model that ATC compiled for a real chip (it begins with IMOD): it holds "
            "code for silicon, and Fleet simulates the chip by the network itself.",
            "Take the ONNX file, or prototxt and caffemodel, that it was made from, and compile "
            "that: `fleet compile` or `fleet atc`.",
        )
    model = onnx.ModelProto()
    model.ParseFromString(content)
    if any(_holds_no_text(message) for message in _messages(model)):
        raise ModelRefusedError(
            f"{name} is damaged: it has bytes where names are, which are no UTF-8.",
            "Fetch the file again, or export it again.",
        )
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


def _holds_no_text(message: Message) -> bool:
    """Return whether a string of a message is none; protobuf hands those over as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            values = [value] if isinstance(value, str | bytes) else value
            if any(isinstance(item, bytes) for item in values):
                return True
    return False


def _lies_elsewhere(message: Message) -> TypeGuard[TensorProto]:
    return isinstance(message, TensorProto) and (
        message.data_location == TensorProto.EXTERNAL or len(message.external_data) > 0
    )
