"""What an ONNX file says of how it is to be read: notes in its metadata, left by its maker.

`fleet.head`: the head's name. `fleet.labels`: one label a line, in class order. `fleet.anchors`: as
`--anchors` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from fleet.models.compiler.graph import refuse
from fleet.models.heads import Anchors, parse_anchors

HEAD, LABELS, ANCHORS = "fleet.head", "fleet.labels", "fleet.anchors"


@dataclass(frozen=True)
class HeadSpec:
    """How a network's outputs are read: the head's name, the labels, the anchors if it has any."""

    head: str
    labels: tuple[str, ...]
    anchors: Anchors


def resolve_head(
    model: onnx.ModelProto,
    name: str,
    head: str | None,
    labels: tuple[str, ...] | None,
    anchors: Anchors | None,
) -> HeadSpec:
    """Tell how a network is read: what is given counts, its notes tell the rest.

    Notes on anchors count for the head that they were left with only. Raises ModelRefusedError
    where neither tells, and for notes that cannot be read.
    """
    notes = {item.key: item.value for item in model.metadata_props}
    noted = notes.get(HEAD)
    head = head or noted
    if head is None:
        what = "nothing tells how its outputs are read."
        refuse(name, what, "Give --head, such as --head yolov8; its metadata has no fleet.head.")
    if labels is None and LABELS in notes:
        labels = tuple(notes[LABELS].splitlines())
    if labels is None:
        what = "nothing tells the labels of its classes."
        refuse(name, what, "Give --labels FILE; its metadata has no fleet.labels.")
    if anchors is None:
        known = head == noted and ANCHORS in notes
        anchors = parse_anchors(notes[ANCHORS]) if known else ()
    return HeadSpec(head, labels, anchors)
