"""Values as HTML, as notebooks show them: names are text wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from fleet.text import clean

MOST_BOXES = 50
"""Boxes that are shown."""


def cell(text: object) -> str:
    """Return a value as text in HTML; what would control or hide something shows as an escape."""
    return escape(clean(str(text)))


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], more: str = "") -> str:
    """Return a table in HTML with a caption; `more`: what is said below it."""
    names = "".join(f'<th style="text-align:left">{cell(name)}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    thead = f"<thead><tr>{names}</tr></thead>" if head else ""
    below = f"<p>{cell(more)}</p>" if more else ""
    caption = f'<caption style="text-align:left"><b>{cell(title)}</b></caption>'
    return f"<table>{caption}{thead}<tbody>{lines}</tbody></table>{below}"


def boxes(
    picture: Sequence[int],
    label: Sequence[str],
    score: Sequence[float],
    xyxy: Sequence[Sequence[float]],
) -> str:
    """Return the first of some boxes in HTML: the position of a box's picture, then the box."""
    several = list(zip(picture, label, score, xyxy, strict=True))
    rows = [(*before, *edges) for *before, edges in several[:MOST_BOXES]]
    left = len(several) - len(rows)
    head = ("picture", "label", "score", "x1", "y1", "x2", "y2")
    return table(f"Detections: {len(several):,}", head, rows, f"and {left:,} more" if left else "")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td style="text-align:right">{value:,.4g}</td>'
    if isinstance(value, int):
        return f'<td style="text-align:right">{value:,}</td>'
    return f'<td style="text-align:left">{cell(value)}</td>'
