"""The heads that Fleet has, by the names that `fleet compile --head` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleet.errors import ModelRefusedError
from fleet.models.heads.anchors import Anchors, parse_anchors, write_anchors
from fleet.models.heads.fastestdet import FastestDet
from fleet.models.heads.head import Candidates, Head, Shape
from fleet.models.heads.yolov3 import YoloV3
from fleet.models.heads.yolov8 import YoloV8

__all__ = [
    "HEADS",
    "Anchors",
    "Candidates",
    "Head",
    "Shape",
    "head_named",
    "parse_anchors",
    "write_anchors",
]

HEADS: Mapping[str, Head] = {
    "fastestdet": FastestDet(),
    "yolov3": YoloV3(),
    "yolov8": YoloV8(),
}


def head_named(name: str, anchors: Anchors = ()) -> Head:
    """Return the head of that name, with the anchors of the network that it reads.

    Raises ModelRefusedError, which lists the names, for an unknown one, and for anchors where the
    head has none.
    """
    if name not in HEADS:
        raise ModelRefusedError(
            f"There is no head called {name!r}.", f"Choose one of: {', '.join(sorted(HEADS))}."
        )
    head = HEADS[name]
    if isinstance(head, YoloV3):
        return replace(head, anchors=anchors)
    if anchors:
        raise ModelRefusedError(
            f"The head {name} has no anchors.", "Leave them out, or take yolov3."
        )
    return head
