"""The heads that Fleet knows, by the name given to `fleet compile --head`."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.errors import ModelRefused
from fleet.models.heads.fastestdet import FastestDet
from fleet.models.heads.head import Candidates, Head, Shape
from fleet.models.heads.yolov8 import YoloV8

__all__ = ["HEADS", "Candidates", "Head", "Shape", "head_named"]

HEADS: Mapping[str, Head] = {"fastestdet": FastestDet(), "yolov8": YoloV8()}


def head_named(name: str) -> Head:
    """Give the head of that name; raises ModelRefused, listing those there are."""
    if name not in HEADS:
        raise ModelRefused(
            f"There is no head called {name!r}.", f"Choose one of: {', '.join(sorted(HEADS))}."
        )
    return HEADS[name]
