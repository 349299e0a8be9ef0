"""The boxes that rows of a table say, of whichever job; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

BOX = ("x1", "y1", "x2", "y2")
"""The columns of the edges."""


@dataclass(frozen=True)
class Box:
    """A box that was found in a frame."""

    label: str
    score: float | None
    xyxy: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the frame."""


def box_of(row: Mapping[str, Any], unnamed: str) -> Box | None:
    """Return the box of a row; None where it has none, or one without a place.

    `unnamed`: the label of one that has none.
    """
    edges = [row[name] for name in BOX]
    if not all(isinstance(edge, float) and isfinite(edge) for edge in edges):
        return None
    score = row.get("score")
    known = isinstance(score, float) and isfinite(score)
    x1, y1, x2, y2 = edges
    label = row.get("label")
    return Box(unnamed if label is None else str(label), score if known else None, (x1, y1, x2, y2))
