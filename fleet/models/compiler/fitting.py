"""Whether the outputs of a network are what its head reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fleet.core.geometry import Size
from fleet.errors import FleetError, ModelRefusedError
from fleet.models.compiler.graph import refuse
from fleet.models.compiler.metadata import HeadSpec
from fleet.models.compiler.trial import Trial
from fleet.models.heads import HEADS, Head, head_named
from fleet.models.heads.own import decode


def arranged_head(spec: HeadSpec, trial: Trial, own: Mapping[str, Head] | None) -> Head:
    """Return the head of a network, told which of the outputs of a trial is which."""
    head = head_named(spec.head, spec.anchors, own=own)
    return head.arranged(trial.named, len(spec.labels))


def check_head(
    spec: HeadSpec, reader: Head, trial: Trial, canvas: Size, batch: int, name: str
) -> None:
    """Raise ModelRefusedError where a head cannot read the outputs of a trial.

    A head of a user's own is tried on them.
    """
    head, labels = spec.head, spec.labels
    if not labels or not all(labels):
        refuse(name, "its labels are missing, or one is empty.", "Give one label a class.")
    kinds = "fiu" if reader.whole_numbers else "f"
    shapes = [output.shape for output in trial.outputs]
    listed = " and ".join(str(list(shape)) for shape in shapes)
    why = reader.explain_mismatch(shapes, len(labels), canvas)
    if not why and reader.batch_first and any(shape[0] != batch for shape in shapes):
        why = f"it reads {batch} pictures at a time"
    if not why and any(output.dtype.kind not in kinds for output in trial.outputs):
        why = "it reads floating-point numbers"
    if why:
        others = ", ".join(sorted(HEADS))
        way_out = f"Choose the head of its family ({others}) and what it was trained with."
        refuse(name, f"its output {listed} does not fit the head {head}: {why}.", way_out)
    if reader.registered_as:
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
