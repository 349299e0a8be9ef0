"""How to read a network's outputs: the head, labels and anchors that its ONNX file may state.

The keys of the file's metadata are `fleet.head` for the head's name, `fleet.labels` for one label a
line, in class order, and `fleet.anchors` for anchors as `--anchors` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from fleet.models.compiler.graph import refuse
from fleet.models.heads import Anchors, parse_anchors

HEAD, LABELS, ANCHORS = "fleet.head", "fleet.labels", "fleet.anchors"


@dataclass(frozen=True)
class HeadSpec:
    """How a network's outputs are read."""

    head: str
    """The name of the head."""
    labels: tuple[str, ...]
    """The names of the classes, in order."""
    anchors: Anchors
    """The anchors of each output; empty for a head without."""


def resolve_head(
    model: onnx.ModelProto,
    name: str,
    head: str | None,
    labels: tuple[str, ...] | None,
    anchors: Anchors | None,
) -> HeadSpec:
    """Return how a network is read; arguments that are None are taken from its metadata.

    Anchors in the metadata count only for the head that the metadata names. Raises
    ModelRefusedError where neither states the head or the labels, and for metadata that cannot be
    read.
    """
    metadata = {item.key: item.value for item in model.metadata_props}
    own_head = metadata.get(HEAD)
    head = head or own_head
    if head is None:
        what = "nothing states how its outputs are read."
        refuse(name, what, "Give --head, such as --head yolov8; its metadata has no fleet.head.")
    if labels is None and LABELS in metadata:
        labels = tuple(metadata[LABELS].splitlines())
    if labels is None:
        what = "nothing states the labels of its classes."
        refuse(name, what, "Give --labels FILE; its metadata has no fleet.labels.")
    if anchors is None:
        known = head == own_head and ANCHORS in metadata
        anchors = parse_anchors(metadata[ANCHORS]) if known else ()
    return HeadSpec(head, labels, anchors)
