"""What a model is fed: files or folders of raw numbers, a batch each."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fleet.errors import UsageError
from fleet.infer.request import Fill
from fleet.models.card import ModelCard
from fleet.models.session import TensorInfo
from fleet.storage import read_file

SEED = 0
"""Random input is the same each time, so that two runs can be compared."""


@dataclass(frozen=True, eq=False)
class Feed:
    """One batch for a model."""

    files: tuple[str, ...]
    """Where it is from; empty where it is made."""
    nv12: NDArray[np.uint8] | None
    """Pictures for AIPP, [batch, height * 3/2, width] of the card's source; or None."""
    tensor: NDArray[np.generic] | None
    """In place of it the network's own input, which passes AIPP by; or None."""
    further: Mapping[str, NDArray[np.generic]]
    """Values of further inputs by name; those left out have their own."""


def open_feeds(
    card: ModelCard,
    further: Sequence[TensorInfo],
    order: Sequence[str],
    inputs: Sequence[str],
    fill: Fill,
) -> Iterator[Feed]:
    """Yield a batch for each file, or the one that `fill` makes where there are no inputs.

    `order` names the model's inputs as `inputs` are meant.

    Raises UsageError where there are more inputs than the model has, where folders differ in how
    many files they hold, and for a file whose size is not that of its input.
    """
    if not inputs:
        yield _filled(card, fill)
        return
    if len(inputs) > len(order) or card.input_name not in order[: len(inputs)]:
        message = f"{len(inputs)} inputs are given, and {card.name} has {len(order)}."
        way_out = (
            f"They are, in order: {', '.join(order)}; those behind the picture may be left out."
        )
        raise UsageError(message, way_out)
    columns = [_files(path) for path in inputs]
    for row in zip_longest(*columns):
        if None in row:
            counts = ", ".join(f"{len(column)} in {path}" for column, path in zip(columns, inputs))  # noqa: B905
            raise UsageError(f"The inputs differ in files: {counts}.", "Give as many for each.")
        yield _read(card, further, dict(zip(order, row, strict=False)))


def _files(path: str) -> list[str]:
    folder = Path(path)
    if not folder.is_dir():
        return [path]
    found = sorted(str(file) for file in folder.iterdir() if file.is_file())
    if not found:
        raise UsageError(f"The folder {path} holds no files.", "Put one there for each batch.")
    return found


def _read(card: ModelCard, further: Sequence[TensorInfo], given: Mapping[str, str]) -> Feed:
    files, first = tuple(given.values()), given[card.input_name]
    values = {
        item.name: _tensor(_numbers(given[item.name]), item, given[item.name])
        for item in further
        if item.name in given
    }
    numbers = _numbers(first)
    source = (card.batch, card.source.height * 3 // 2, card.source.width)
    if numbers.nbytes == card.input_bytes:
        pictures = numbers.reshape(-1).view(np.uint8).reshape(source)
        return Feed(files, pictures, None, values)
    own = network_input(card)
    if numbers.nbytes == own.nbytes:
        return Feed(files, None, _tensor(numbers, own, first), values)
    message = (
        f"{first} holds {numbers.nbytes:,} bytes, and a batch of {card.name} is {card.batch} NV12 "
        f"of {card.source}, {card.input_bytes:,} bytes (or {own}, {own.nbytes:,} bytes, past AIPP)."
    )
    raise UsageError(message, "Write one batch a file, without stride padding.")


def network_input(card: ModelCard) -> TensorInfo:
    """Return the input that AIPP writes."""
    shape = (card.batch, 3, card.size.height, card.size.width)
    return TensorInfo(card.input_name, card.dtype, shape)


def _tensor(numbers: NDArray[np.generic], info: TensorInfo, file: str) -> NDArray[np.generic]:
    if numbers.nbytes != info.nbytes:
        message = f"{file} holds {numbers.nbytes:,} bytes, and {info} takes {info.nbytes:,}."
        raise UsageError(message, "Write the numbers of its type one after the other.")
    return numbers.reshape(-1).view(info.dtype).reshape(info.shape)


def _numbers(file: str) -> NDArray[np.generic]:
    content = read_file(file)
    if not file.lower().endswith(".npy"):
        return np.frombuffer(content, np.uint8)
    try:
        loaded: NDArray[np.generic] = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UsageError(f"{file} is no .npy file: {error}.", "Write it with numpy.save.") from None
    return np.ascontiguousarray(loaded)


def _filled(card: ModelCard, fill: Fill) -> Feed:
    shape = (card.batch, card.source.height * 3 // 2, card.source.width)
    if fill is Fill.ZERO:
        return Feed((), np.zeros(shape, np.uint8), None, {})
    made = np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)
    return Feed((), made, None, {})
