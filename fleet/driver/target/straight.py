"""Models that a job takes straight from an ONNX file: compiled once, and kept in its output.

The output keeps them by the digest of the file and by the chip, so that a run that continues, with
a later Fleet too, and workers on other hosts use the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fleet.ascend.soc import soc as soc_named
from fleet.errors import ModelRefusedError
from fleet.models.card import read_card
from fleet.models.compiler.compile import compile_network
from fleet.models.heads import Head
from fleet.storage import Folder

MODELS_FOLDER = "_models"
SUFFIX = ".onnx"


@dataclass(frozen=True)
class StraightModel:
    """A model that is compiled for a job."""

    om: bytes = field(repr=False)
    """The compiled model."""
    object_name: str
    """Where in the output it is kept."""
    reading: str
    """A sentence on what it was recognised as, and why."""


def is_straight(name: str) -> bool:
    """Return whether a job names a file that is to be compiled first."""
    return name.lower().endswith(SUFFIX)


def compile_straight(
    name: str, content: bytes, chip: str, output: str, heads: Mapping[str, Head] | None = None
) -> StraightModel:
    """Return the compiled model of an ONNX file: the one that the output keeps, else a new one.

    `heads`: those of the job's own module. Nothing is put anywhere. Raises ModelRefusedError where
    head or labels are not sure, or the network cannot run.
    """
    digest = hashlib.sha256(content).hexdigest()
    object_name = f"{MODELS_FOLDER}/{digest}-{chip}.om"
    folder = Folder(output)
    if folder.stat(object_name) is not None:
        om = folder.read(object_name)
        card = read_card(om, f"{folder.uri}/{object_name}")
        reading = f"{card.head}, {len(card.labels)} labels, {card.size}, as this output keeps it"
        return StraightModel(om, object_name, f"{name} is read as {reading}.")
    stem = PurePosixPath(name.replace("\\", "/")).stem
    try:
        compiled = compile_network(content, name=stem, soc=soc_named(chip), heads=heads)
    except ModelRefusedError as error:
        message = f"{name} is not a compiled model, and not enough is sure of it: {error.message}"
        way_out = f"{error.way_out} Then: fleet compile {name} ... --output NAME, --model NAME.om."
        raise ModelRefusedError(message, way_out) from error
    return StraightModel(compiled.om, object_name, f"{name} is read as {compiled.reading}.")


def keep_model(model: StraightModel, output: Folder) -> None:
    """Put a model where the output keeps it, unless it is there."""
    if output.stat(model.object_name) is None:
        output.put(model.object_name, model.om)
