"""How to read a network's outputs: the head, labels and anchors that its ONNX file may state.

The keys of the file's metadata are `fleet.head` for the head's name, `fleet.labels` for one label a
line, in class order, and `fleet.anchors` for anchors as `--anchors` takes them. Ultralytics writes
`names`, `imgsz`, `task`, `end2end` and `args`; what they hold are literals of Python. Where nothing
states the head, it is recognised by the names and shapes of the outputs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx

from fleet.core.geometry import Size
from fleet.models.compiler.graph import refuse
from fleet.models.heads import (
    RAW,
    READERS,
    Anchors,
    Head,
    Traits,
    claims,
    parse_anchors,
    reader_named,
)

HEAD, LABELS, ANCHORS = "fleet.head", "fleet.labels", "fleet.anchors"
AUTO = "auto"
OTHER_TASKS = ("segment", "pose", "obb")
"""Tasks of Ultralytics whose outputs are no boxes, or more than that."""


@dataclass(frozen=True)
class HeadSpec:
    """How a network's outputs are read."""

    head: str
    """The name of the head."""
    labels: tuple[str, ...]
    """The names of the classes, in order."""
    anchors: Anchors
    """The anchors of each output; empty for a head without."""


@dataclass(frozen=True)
class Notes:
    """What arguments and the metadata of a network say of how it is read."""

    head: str | None
    """The name of the head; None where it is to be recognised."""
    labels: tuple[str, ...] | None
    """The names of the classes; None where nothing states them."""
    anchors: Anchors
    """The anchors of each output; empty where nothing states them."""
    size: Size | None
    """The size of the input that the exporter states; None where it does not."""
    threshold: float
    """The score that it recommends; 0 where it does not."""
    iou: float | None
    """The overlap for suppression that it recommends; None where it does not."""
    metadata: Mapping[str, str]
    """The metadata."""

    @property
    def count(self) -> int | None:
        """The number of classes, where it is stated."""
        return None if self.labels is None else len(self.labels)


def read_notes(
    model: onnx.ModelProto,
    head: str | None,
    labels: tuple[str, ...] | None,
    anchors: Anchors | None,
    own: Mapping[str, Head] | None = None,
) -> Notes:
    """Return what is stated of a network; arguments that are None are taken from its metadata.

    `own`: heads of a user's, by name. Anchors in the metadata count only for the head that the
    metadata names. Raises ModelRefusedError for metadata of Fleet that cannot be read; of other
    exporters it is ignored.
    """
    metadata = {item.key: item.value for item in model.metadata_props}
    own_head = metadata.get(HEAD)
    head = (None if head == AUTO else head) or own_head
    if labels is None and LABELS in metadata:
        labels = tuple(metadata[LABELS].splitlines())
    if labels is None:
        labels = _names(_literal(metadata.get("names", "")))
    if anchors is None:
        known = head is not None and head == own_head and ANCHORS in metadata
        anchors = parse_anchors(metadata[ANCHORS]) if known else ()
    if head is not None:
        # One that there is not is refused before anything is tried.
        reader_named(head, anchors, own=own)
    given = _literal(metadata.get("args", ""))
    args = given if isinstance(given, dict) else {}
    return Notes(
        head=head,
        labels=labels,
        anchors=anchors,
        size=_size(_literal(metadata.get("imgsz", ""))),
        threshold=_share(args.get("conf")) or 0.0,
        iou=_share(args.get("iou")),
        metadata=metadata,
    )


def resolve_head(notes: Notes, traits: Traits, name: str, *, or_raw: bool = False) -> HeadSpec:
    """Return how a network is read, its head recognised by its outputs where nothing states it.

    With `or_raw` outputs stay raw where head or labels are not sure. Raises ModelRefusedError else.
    """
    if or_raw and not _is_sure(notes, traits):
        return HeadSpec(RAW, (), ())
    head = notes.head
    if head is None:
        head = _recognised(traits, notes, name)
    needs_labels = head not in READERS or READERS[head].needs_labels
    if notes.labels is None and needs_labels:
        what = "nothing states the labels of its classes."
        claim = claims(traits, notes.anchors).get(head)
        count = f" of {claim.classes} lines" if claim and claim.classes else ""
        refuse(name, what, f"Give --labels FILE{count}; its metadata has no fleet.labels.")
    return HeadSpec(head, notes.labels or (), notes.anchors)


def _is_sure(notes: Notes, traits: Traits) -> bool:
    """Return whether a head is stated or recognised, and its labels are known."""
    if notes.head is None and notes.metadata.get("task", "") in OTHER_TASKS:
        return False
    known = notes.head is not None or len(claims(traits, notes.anchors)) == 1
    reader = READERS.get(notes.head or "")
    needs_labels = reader is None or reader.needs_labels
    return known and (notes.labels is not None or not needs_labels)


def explain_head(spec: HeadSpec, notes: Notes, traits: Traits, asked: str | None) -> str:
    """Return a line on what a network was recognised as, and why; `asked`: the head asked for."""
    if asked not in {None, AUTO}:
        why = "as asked for"
    elif spec.head == RAW:
        why = "no head is sure of its outputs, or nothing states its labels"
    elif notes.head:
        why = "as its metadata states"
    else:
        why = claims(traits, notes.anchors)[spec.head].why
    stated = {"names", LABELS} & set(notes.metadata)
    count = f"{len(spec.labels)} labels" if spec.labels else "no labels"
    labels = f"{count}{' of its metadata' if stated and spec.labels else ''}"
    return f"{spec.head}: {why}; {labels}, {traits.canvas}"


def _recognised(traits: Traits, notes: Notes, name: str) -> str:
    listed = " and ".join(f"{output.name} {list(output.shape)}" for output in traits.outputs)
    task = notes.metadata.get("task", "")
    if task in OTHER_TASKS:
        what = f"its exporter says that its task is {task}, and no head reads it."
        refuse(name, what, "Export a network whose task is detect or classify.")
    found = claims(traits, notes.anchors)
    stated = f" of {notes.count} classes" if notes.count else ""
    if len(found) > 1:
        each = "; ".join(f"{head} ({claim.why})" for head, claim in sorted(found.items()))
        what = f"its outputs {listed}{stated} may be read by several heads: {each}."
        needs = "" if notes.labels else ", and --labels FILE, which may settle it"
        refuse(name, what, f"Say which with --head{needs}.")
    if not found:
        _refuse_other_count(traits, notes, name)
        what = f"nothing states how its outputs {listed}{stated} are read, and no head knows them."
        way_out = (
            "Give --head, such as --head yolov8, with --labels FILE, and --anchors for yolov3; "
            "its metadata has no fleet.head."
        )
        refuse(name, what, way_out)
    return next(iter(found))


def _refuse_other_count(traits: Traits, notes: Notes, name: str) -> None:
    """Raise ModelRefusedError where a head would know the outputs with another count of labels."""
    known = claims(replace(traits, labels=None), notes.anchors)
    counts = " or ".join(sorted({str(claim.classes) for claim in known.values() if claim.classes}))
    if notes.count and known:
        of = f"{counts} classes" if counts else " or ".join(sorted(known))
        lines = f" of {counts} lines" if counts else ""
        what = f"its outputs are of {of}, which {notes.count} labels do not fit."
        refuse(name, what, f"Give --labels FILE{lines}, a line for each class in their order.")


def _literal(text: str) -> Any:
    """Return the value of a literal of Python; None where the text is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _names(value: Any) -> tuple[str, ...] | None:
    """Return the names of classes numbered from 0, or in a list; None for anything else."""
    if isinstance(value, dict) and set(value) == set(range(len(value))):
        value = [value[number] for number in range(len(value))]
    known = isinstance(value, list | tuple) and value and all(isinstance(n, str) for n in value)
    return tuple(value) if known else None


def _size(value: Any) -> Size | None:
    """Return the size that `imgsz` states as [height, width]; None for anything else."""
    if isinstance(value, int):
        value = [value, value]
    sides = value if isinstance(value, list | tuple) else ()
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        return None
    return Size(sides[1], sides[0])


def _share(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1
    return float(value) if known else None
