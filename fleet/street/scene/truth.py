"""What is to be seen in a picture: boxes of the visible, and which of them do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size

NETWORK_SIDE_PX = 416
"""The longest side of a network's input; smallness is judged at this size."""
SMALLEST_PX = 8.0
MOST_HIDDEN = 0.70


@dataclass(frozen=True, eq=False)
class Silhouette:
    """Where one figure would be seen if no other stood before it.

    `left`, `top`: the mask's place in the picture, negative if it reaches out. `mask`: bool
    [rows, columns]. `area`: the pixels of the whole figure, hidden ones too.
    """

    number: int
    class_id: int
    left: int
    top: int
    mask: NDArray[np.bool_]
    area: int


@dataclass(frozen=True)
class Seen:
    """One figure in the truth: its class, the box of its visible part, and how much is hidden.

    The box is in pixels of the picture; the right and bottom edges are exclusive. `hidden`: the
    share of the figure, 0..1, that others, trees or the picture's edge hide.
    """

    number: int
    class_id: int
    box: tuple[float, float, float, float]
    hidden: float

    def ignored(self, picture: Size) -> bool:
        """Whether it counts neither as a hit nor as a miss: mostly hidden, or too small.

        Small is a box lower than SMALLEST_PX in a picture shrunk so that its longest side is
        NETWORK_SIDE_PX.
        """
        shrink = NETWORK_SIDE_PX / max(picture.width, picture.height)
        height = (self.box[3] - self.box[1]) * shrink
        return self.hidden > MOST_HIDDEN or height < SMALLEST_PX


def look(
    silhouettes: Sequence[Silhouette], picture: Size, moved: tuple[float, float], margin: int
) -> list[Seen]:
    """Tell what is seen of figures, given nearest first; the wholly hidden are left out.

    The figures stand on a canvas that is `margin` px larger than the picture on all sides, and is
    moved by `moved` px (right, down) under it.
    """
    # The picture's place on the canvas, to the nearest pixel.
    left, top = round(margin - moved[0]), round(margin - moved[1])
    covered = np.zeros((picture.height, picture.width), np.bool_)
    seen = []
    for figure in silhouettes:
        extent = _uncover(figure.mask, figure.left - left, figure.top - top, covered)
        if extent is None:
            continue
        shift = (left - margin + moved[0], top - margin + moved[1])
        box, pixels = _clipped(extent[0], picture, shift), extent[1]
        if box is not None:
            seen.append(Seen(figure.number, figure.class_id, box, 1 - pixels / figure.area))
    return seen


def _uncover(
    mask: NDArray[np.bool_], left: int, top: int, covered: NDArray[np.bool_]
) -> tuple[tuple[int, int, int, int], int] | None:
    """Find the extent and the pixels of a figure that nothing covers, and cover them."""
    rows = slice(max(0, top), min(covered.shape[0], top + mask.shape[0]))
    columns = slice(max(0, left), min(covered.shape[1], left + mask.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    before = covered[rows, columns]
    inside = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    visible = (inside > before).view(np.uint8)
    before |= inside
    aside, down, width, height = cv2.boundingRect(visible)
    if not width:
        return None
    aside, down = columns.start + aside, rows.start + down
    return (aside, down, aside + width, down + height), cv2.countNonZero(visible)


def _clipped(
    extent: tuple[int, int, int, int], picture: Size, shift: tuple[float, float]
) -> tuple[float, float, float, float] | None:
    left, right = (min(max(edge + shift[0], 0.0), float(picture.width)) for edge in extent[::2])
    top, bottom = (min(max(edge + shift[1], 0.0), float(picture.height)) for edge in extent[1::2])
    return (left, top, right, bottom) if right > left and bottom > top else None
