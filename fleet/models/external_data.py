"""Networks whose weights lie in files beside them: packed into one file before anything else.

PyTorch writes networks of over 2 GB so, and on request smaller ones. A network names such files by
paths, and somebody else may have made it: only files inside its own folder are read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import onnx
from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]
from onnx import TensorProto

from fleet.errors import ModelRefusedError, StorageRefusedError
from fleet.models.whole_file import external_tensors
from fleet.storage import Folder, canonical, read_file

MOST_BYTES = 2**31 - 1
"""The most that a message of protobuf holds."""
MOST_DIGITS = 20
ONE_FILE = "Save it as one file: onnx.save(onnx.load(FILE), ONE_FILE)."


@dataclass(frozen=True)
class _Place:
    """Where the values of a tensor lie."""

    name: str
    """The file, relative to the network's folder, with forward slashes."""
    offset: int
    """Their first byte."""
    length: int | None
    """How many bytes they are; None: up to the end of the file."""


def read_network(uri: str) -> bytes:
    """Return an ONNX file's content with the data of its other files in it; as it is without such.

    What is no ONNX file comes back as it is too. Raises UsageError where there is none of the name,
    and ModelRefusedError for files that are not there, lie outside of its folder or behind a link
    that leads out of it, are too short, or make it too large for one file.
    """
    content = read_file(uri)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return content
    tensors = list(external_tensors(model))
    if not tensors:
        return content
    pack = _Pack(uri)
    for tensor in tensors:
        pack.take_in(tensor)
    try:
        packed: bytes = model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise pack.too_large() from error
    return packed


class _Pack:
    """The files beside one network, each read once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._folder = Folder(canonical(uri).rpartition("/")[0] or "/")
        self._files: dict[str, bytes] = {}

    def take_in(self, tensor: TensorProto) -> None:
        """Replace the place of a tensor's values by the values."""
        place = self._place(tensor)
        if place.name not in self._files:
            self._files[place.name] = self._read(place.name)
        file = self._files[place.name]
        end = len(file) if place.length is None else place.offset + place.length
        if place.offset > len(file) or end > len(file):
            what = (
                f"its tensor {tensor.name!r} lies at bytes {place.offset:,} to {end:,} of "
                f"{place.name}, which has {len(file):,}"
            )
            self._refuse(what, "Copy both files again from where it was exported.")
        tensor.raw_data = file[place.offset : end]
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT

    def too_large(self) -> ModelRefusedError:
        """Return the error for a network that no single file can hold."""
        message = f"{self._uri} is refused: with the data of its other files it is over 2 GB."
        return ModelRefusedError(message, "Export it in float16, or a smaller one of its family.")

    def _place(self, tensor: TensorProto) -> _Place:
        # What is no UTF-8 comes as bytes.
        pairs = [(entry.key, entry.value) for entry in tensor.external_data]
        given = {key: value for key, value in pairs if isinstance(value, str)}
        numbers = (given.get("offset") or "0", given.get("length") or "0")
        if not given.get("location") or not all(
            text.isdecimal() and len(text) < MOST_DIGITS for text in numbers
        ):
            self._refuse(f"its tensor {tensor.name!r} does not say where its data lies", ONE_FILE)
        offset, length = map(int, numbers)
        # Exporters write ./weights for what lies beside the network.
        name = given["location"].removeprefix("./")
        return _Place(name, offset, length if "length" in given else None)

    def _read(self, name: str) -> bytes:
        outside = f"it names data that is no file in its folder: {name}"
        if not self._is_inside(name):
            self._refuse(outside, ONE_FILE)
        try:
            entry = self._folder.stat(name)
            if entry is not None and self._held() + entry.bytes > MOST_BYTES:
                raise self.too_large()
            return self._folder.read(name)
        except FileNotFoundError:
            what = f"it keeps data in {name}, which is not in {self._folder.uri}"
            self._refuse(what, "Put the file where it was beside the network, under that name.")
        except StorageRefusedError:
            self._refuse(outside, ONE_FILE)

    def _held(self) -> int:
        return sum(map(len, self._files.values()))

    def _is_inside(self, name: str) -> bool:
        """Return whether a name on a disk leads to a file in the network's folder."""
        root = self._folder.uri
        if "://" in root or not os.path.lexists(f"{root}/{name}"):
            return True
        # Unlike Path.resolve, it takes links that lead to themselves.
        target = Path(os.path.realpath(f"{root}/{name}"))
        return target.is_file() and target.is_relative_to(os.path.realpath(root))

    def _refuse(self, what: str, way_out: str) -> NoReturn:
        raise ModelRefusedError(f"{self._uri} is refused: {what}.", way_out)
