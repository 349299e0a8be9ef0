"""Whether the outputs of a network are what its reader reads, and how it is described."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fleet.core.geometry import Size
from fleet.errors import FleetError, ModelRefusedError
from fleet.models.card import ModelCard
from fleet.models.compiler.graph import refuse
from fleet.models.compiler.metadata import HeadSpec
from fleet.models.compiler.trial import Trial
from fleet.models.heads import RAW, READERS, Head, Reader, Traits, reader_named
from fleet.models.heads.own import decode


def arranged_reader(spec: HeadSpec, traits: Traits, own: Mapping[str, Head] | None) -> Reader:
    """Return the reader of a network, told which of its outputs is which, and who exported it."""
    reader = reader_named(spec.head, spec.anchors, own=own)
    return reader.suited(traits.metadata).arranged(traits.outputs, len(spec.labels))


def check_reader(
    spec: HeadSpec, reader: Reader, trial: Trial, canvas: Size, batch: int, name: str
) -> None:
    """Raise ModelRefusedError where a reader cannot read the outputs of a trial.

    A head of a user's own is tried on them.
    """
    head, labels = spec.head, spec.labels
    if head == RAW:
        return
    if reader.needs_labels and not (labels and all(labels)):
        refuse(name, "its labels are missing, or one is empty.", "Give one label a class.")
    kinds = "fiu" if reader.whole_numbers else "f"
    shapes = [output.shape for output in trial.outputs]
    listed = " and ".join(str(list(shape)) for shape in shapes)
    why = reader.explain_mismatch(shapes, len(labels), canvas)
    if not why and reader.one_picture and batch > 1:
        why = "it reads one picture at a time"
    if not why and reader.batch_first and any(shape[:1] != (batch,) for shape in shapes):
        why = f"it reads {batch} pictures at a time"
    if not why and any(output.dtype.kind not in kinds for output in trial.outputs):
        why = "it reads floating-point numbers"
    if why:
        others = ", ".join(sorted(READERS))
        way_out = f"Choose the head of its family ({others}) and what it was trained with."
        refuse(name, f"its output {listed} does not fit the head {head}: {why}.", way_out)
    if isinstance(reader, Head) and reader.registered_as:
        _try(reader, trial, canvas, batch, name)


def _try(reader: Head, trial: Trial, canvas: Size, batch: int, name: str) -> None:
    raw = [output.astype(np.float32, copy=False) for output in trial.outputs]
    title = f"{name} cannot be compiled: on a gray picture its head {reader.registered_as}"
    try:
        decode(reader, raw, canvas, 0.0, batch)
    except FleetError as error:
        raise ModelRefusedError(f"{title} fails: {error.message}", error.way_out) from error
    except Exception as error:  # it is code of a user's
        what = f"{title} raised {type(error).__name__}: {error}."
        raise ModelRefusedError(what, "Correct its decode.") from error


def describe_reader(card: ModelCard) -> str:
    """Return how the outputs of a compiled model are read."""
    if card.head == RAW:
        return "none: raw outputs, which `fleet infer` writes"
    if card.head == "embed":
        return f"embed, vectors of {card.settings['dimensions']} numbers"
    shown = ", ".join(card.labels[:3]) + (", ..." if len(card.labels) > 3 else "")
    listed = f"{card.head}, {len(card.labels)} labels ({shown})"
    if card.head == "classify":
        activated = card.settings.get("activation") == "none"
        return f"{listed}, scores {'as they are' if activated else 'by a softmax'}"
    among = "within a class" if card.per_class else "over all classes"
    return f"{listed}, NMS at {card.iou} {among}"
