"""Anchors: the boxes that a network of YOLOv3's kind was trained to correct."""

from __future__ import annotations

import math

from fleet.errors import ModelRefusedError

Anchors = tuple[tuple[tuple[float, float], ...], ...]
"""For each output of a network, widths and heights in pixels of its input; empty without."""

GRAMMAR = "Write width,height pairs and a ; between outputs: '10,13 16,30; 62,45 59,119'."


def parse_anchors(text: str) -> Anchors:
    """Read a text like `10,13 16,30 33,23; 30,61 62,45 59,119`: one group for each output.

    Raises ModelRefusedError for anything else, and for sizes that are not above 0.
    """
    groups = tuple(tuple(_parse_pair(pair) for pair in group.split()) for group in text.split(";"))
    if not all(groups):
        raise ModelRefusedError(f"The anchors {text!r} have an output without any.", GRAMMAR)
    return groups


def write_anchors(anchors: Anchors) -> str:
    """Return the text that `parse_anchors` reads."""
    return "; ".join(
        " ".join(f"{width:g},{height:g}" for width, height in group) for group in anchors
    )


def _parse_pair(text: str) -> tuple[float, float]:
    try:
        width, height = (float(side) for side in text.split(","))
    except ValueError:
        raise ModelRefusedError(f"{text!r} is not an anchor.", GRAMMAR) from None
    if not (0 < width < math.inf and 0 < height < math.inf):
        message = f"The anchor {text} is not a size: its sides are above 0."
        raise ModelRefusedError(message, GRAMMAR)
    return width, height
