"""The truth about a picture: the boxes of visible figures, and which of them do not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size

NETWORK_SIDE_PX = 416
"""The longest side of a network's input; whether a figure is too small is decided at this size."""
SMALLEST_PX = 8.0
MOST_HIDDEN = 0.70


@dataclass(frozen=True, eq=False)
class Silhouette:
    """The area of one figure, as if no other stood in front of it."""

    number: int
    """The number of the actor."""
    class_id: int
    """The class."""
    left: int
    """The left edge of the mask in the picture, negative outside of it."""
    top: int
    """The top edge of the mask in the picture, negative outside of it."""
    mask: NDArray[np.bool_]
    """[rows, columns], whether the figure covers a pixel."""
    area: int
    """The pixels of the whole figure, those hidden by trees and posts included."""


@dataclass(frozen=True)
class Seen:
    """One visible figure."""

    number: int
    """The number of the actor."""
    class_id: int
    """The class."""
    box: tuple[float, float, float, float]
    """The box of the visible part in pixels of the picture, right and bottom edge exclusive."""
    hidden: float
    """The share of the figure, 0..1, that others, trees or the edge of the picture hide."""

    def ignored(self, picture: Size) -> bool:
        """Return whether it is neither a hit nor a miss, as it is mostly hidden or too small.

        It is too small if its box is lower than SMALLEST_PX in a picture that is shrunk until its
        longest side is NETWORK_SIDE_PX.
        """
        shrink = NETWORK_SIDE_PX / max(picture.width, picture.height)
        height = (self.box[3] - self.box[1]) * shrink
        return self.hidden > MOST_HIDDEN or height < SMALLEST_PX


def visible_figures(
    silhouettes: Sequence[Silhouette], picture: Size, moved: tuple[float, float], margin: int
) -> list[Seen]:
    """Return the visible ones of figures that are sorted from the nearest on.

    The figures lie on a canvas that is `margin` px larger than the picture on all sides, and is
    moved by `moved` px (right, down) under it.
    """
    # The position of the picture on the canvas, to the nearest pixel.
    left, top = round(margin - moved[0]), round(margin - moved[1])
    bare = np.ones((picture.height, picture.width), np.uint8)
    seen = []
    for figure in silhouettes:
        extent = _uncover(figure.mask, figure.left - left, figure.top - top, bare)
        if extent is None:
            continue
        shift = (left - margin + moved[0], top - margin + moved[1])
        box, pixels = _clipped(extent[0], picture, shift), extent[1]
        if box is not None:
            seen.append(Seen(figure.number, figure.class_id, box, 1 - pixels / figure.area))
    return seen


def _uncover(
    mask: NDArray[np.bool_], left: int, top: int, bare: NDArray[np.uint8]
) -> tuple[tuple[int, int, int, int], int] | None:
    """Return the extent and the count of a figure's pixels that are bare, and cover them.

    `bare` is [height, width], 1 where no figure is yet, else 0.
    """
    rows = slice(max(0, top), min(bare.shape[0], top + mask.shape[0]))
    columns = slice(max(0, left), min(bare.shape[1], left + mask.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    before = bare[rows, columns]
    inside = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    visible = cv2.bitwise_and(inside.view(np.uint8), before)
    aside, down, width, height = cv2.boundingRect(visible)
    if not width:
        return None
    cv2.bitwise_xor(before, visible, dst=before)
    aside, down = columns.start + aside, rows.start + down
    return (aside, down, aside + width, down + height), cv2.countNonZero(visible)


def _clipped(
    extent: tuple[int, int, int, int], picture: Size, shift: tuple[float, float]
) -> tuple[float, float, float, float] | None:
    left, right = (min(max(edge + shift[0], 0.0), float(picture.width)) for edge in extent[::2])
    top, bottom = (min(max(edge + shift[1], 0.0), float(picture.height)) for edge in extent[1::2])
    return (left, top, right, bottom) if right > left and bottom > top else None
