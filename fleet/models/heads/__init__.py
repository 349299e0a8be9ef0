"""The heads that Fleet has, by the names that `fleet compile --head` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

from fleet.errors import ModelRefusedError
from fleet.models.heads.anchors import Anchors, parse_anchors, write_anchors
from fleet.models.heads.boxes import Boxes, EfficientNms, TorchVision
from fleet.models.heads.centernet import CenterFace, CenterNet
from fleet.models.heads.detr import Detr
from fleet.models.heads.end2end import End2End
from fleet.models.heads.fastestdet import FastestDet
from fleet.models.heads.head import (
    Candidates,
    Claim,
    Head,
    Output,
    Reader,
    Setting,
    Shape,
    Traits,
)
from fleet.models.heads.nanodet import NanoDet
from fleet.models.heads.onnxnms import OnnxNms
from fleet.models.heads.paddle import Paddle
from fleet.models.heads.ssd import Ssd
from fleet.models.heads.whole import Classify, Embed, Raw
from fleet.models.heads.yolov3 import YoloV3, YoloV3Tiny
from fleet.models.heads.yolov5 import YoloV5
from fleet.models.heads.yolov8 import YoloV8
from fleet.models.heads.yolox import YoloX

__all__ = [
    "HEADS",
    "RAW",
    "READERS",
    "Anchors",
    "Candidates",
    "Claim",
    "Classify",
    "Embed",
    "Head",
    "Output",
    "Reader",
    "Setting",
    "Shape",
    "Traits",
    "as_head",
    "claims",
    "head_named",
    "parse_anchors",
    "reader_named",
    "settings_of",
    "write_anchors",
]

HEADS: Mapping[str, Head] = {
    "boxes": Boxes(),
    "centerface": CenterFace(),
    "centernet": CenterNet(),
    "detr": Detr(),
    "efficientnms": EfficientNms(),
    "end2end": End2End(),
    "fastestdet": FastestDet(),
    "nanodet": NanoDet(),
    "onnxnms": OnnxNms(),
    "paddle": Paddle(),
    "ssd": Ssd(),
    "torchvision": TorchVision(),
    "yolov3": YoloV3(),
    "yolov3-tiny": YoloV3Tiny(),
    "yolov5": YoloV5(),
    "yolov8": YoloV8(),
    "yolox": YoloX(),
}
"""The heads, which find boxes."""
RAW = "raw"
"""The name of the reader that leaves outputs as they are."""
READERS: Mapping[str, Reader] = {
    **HEADS,
    "classify": Classify(),
    "embed": Embed(),
    RAW: Raw(),
}
"""The heads, and the readers of networks that look at a whole picture."""


def reader_named(
    name: str,
    anchors: Anchors = (),
    settings: Mapping[str, Setting] | None = None,
    own: Mapping[str, Head] | None = None,
) -> Reader:
    """Return the reader of that name, with the anchors of the network that it reads.

    `settings` say which of its layouts it reads, as `settings_of` returned them; `own` are heads of
    the job's module. Raises ModelRefusedError, which lists the names, for an unknown one, and for
    anchors where the head has none.
    """
    known: dict[str, Reader] = {**READERS, **(own or {})}
    if name not in known:
        near = get_close_matches(name, known, 3)
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        raise ModelRefusedError(
            f"There is no head called {name!r}.",
            f"{meant}Choose one of: {', '.join(sorted(known))}; one of your own is FILE.py:NAME.",
        )
    head = known[name]
    given: dict[str, Any] = dict(settings or {})
    if isinstance(head, YoloV3):
        return replace(head, anchors=anchors or head.anchors, **given)
    if anchors:
        raise ModelRefusedError(
            f"The head {name} has no anchors.", "Leave them out, or take yolov3."
        )
    return replace(head, **given)


def head_named(
    name: str, anchors: Anchors = (), settings: Mapping[str, Setting] | None = None
) -> Head:
    """Return the head of that name; see `reader_named`, also for readers that find no boxes."""
    return as_head(reader_named(name, anchors, settings), name)


def as_head(reader: Reader, name: str) -> Head:
    """Return a reader as a head; raises ModelRefusedError where it finds no boxes."""
    if not isinstance(reader, Head):
        raise ModelRefusedError(f"The outputs of {name} are not read as boxes.", reader.instead)
    return reader


def settings_of(head: Reader) -> dict[str, Setting]:
    """Return what says which of its layouts a head reads, where that is not the usual one."""
    usual = {item.name: item.default for item in fields(head)}
    found = {name: getattr(head, name) for name in head.settings}
    return {name: value for name, value in found.items() if value != usual[name]}


def claims(traits: Traits, anchors: Anchors = ()) -> dict[str, Claim]:
    """Return the heads that know these outputs for those of their family, by name.

    `anchors`: those that the network's file states, empty for none. No outputs, no claim.
    """
    heads: Sequence[tuple[str, Reader]] = [
        (name, replace(head, anchors=anchors or head.anchors) if isinstance(head, YoloV3) else head)
        for name, head in READERS.items()
        if traits.outputs
    ]
    found = {name: head.recognise(traits) for name, head in heads}
    return {name: claim for name, claim in found.items() if claim is not None}
