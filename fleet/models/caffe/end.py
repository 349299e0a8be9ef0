"""What the last layer of a Caffe detector says, in Fleet's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.models.heads import Anchors


@dataclass(frozen=True)
class DetectionEnd:
    """A detection layer: which head does its work, and on what."""

    layer: str
    """Its type."""
    head: str
    """The head that takes its place."""
    outputs: Mapping[str, str]
    """The outputs that the head reads, in its order: name -> value."""
    classes: int
    """How many classes there are, without a background."""
    iou: float
    """The overlap above which a box is suppressed, within its class."""
    limits: str
    """What the chip would limit boxes by besides, as a clause."""
    anchors: Anchors = ()
    """Widths and heights in pixels of the input, a group for each map; empty without."""
    info: str = ""
    """The blob of the picture's size; empty where it reads none."""

    @property
    def remark(self) -> str:
        """What takes place where it stands, as a sentence."""
        return (
            f"{self.layer} is done by the head {self.head}: outputs are what it would read; a "
            f"job's own threshold takes the place of {self.limits}."
        )
