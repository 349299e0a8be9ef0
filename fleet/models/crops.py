"""Parts of pictures for a network's input: which can be cut out and scaled, and how VPC does it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.surface import in_memory
from fleet.ascend.vpc import Region, Vpc
from fleet.ascend.vpc.pixels import canvas
from fleet.core.frames import Picture
from fleet.core.geometry import Fit, Placement, Rect, Size


class Unseen(StrEnum):
    """Why a network cannot look into a box."""

    TOO_SMALL = "too small"
    """Cut out or scaled, it is smaller than VPC handles, or it would be enlarged too much."""
    TOO_LARGE = "too large"
    """It is larger than VPC cuts out, or it would be reduced too much."""
    OUTSIDE = "outside"
    """No part of it lies in the picture, or an edge of it is no number."""


@dataclass(frozen=True)
class Crop:
    """A part of a picture, and its place on the network's input."""

    area: Rect
    """The part of the picture."""
    placement: Placement
    """Where it is put, scaled."""

    def __post_init__(self) -> None:
        if self.placement.source != self.area.size:
            raise ValueError(f"{self.placement} is not of a part of {self.area.size}")

    def to_picture(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes float32 [n, 4] mapped from the network's input to the picture's pixels."""
        corner = np.array([self.area.left, self.area.top] * 2, np.float32)
        return self.placement.to_source(xyxy) + corner


@dataclass(frozen=True)
class CropPlanner:
    """The rules by which boxes of pictures of one size become parts for one network."""

    soc: Soc
    """The chip that cuts them out."""
    fit: Fit
    """How a part is brought to the canvas."""
    canvas: Size
    """The size of the picture that AIPP reads."""

    def plan(self, box: Sequence[float], picture: Size, expand: float) -> Crop | Unseen:
        """Return the part around a box x1, y1, x2, y2, or why there is none.

        The box grows by `expand` of its width to the left and right, and of its height up and down,
        then to even edges, on every chip (docs/chip.md#vpc-crop); what lies outside of the
        picture's even part is cut off.
        """
        x1, y1, x2, y2 = box
        if not all(map(math.isfinite, box)):
            return Unseen.OUTSIDE
        across = _even_span(x1, x2, expand, picture.width)
        down = _even_span(y1, y2, expand, picture.height)
        if across is None or down is None:
            return Unseen.OUTSIDE
        (left, right), (top, bottom) = across, down
        if right <= left or bottom <= top:
            return Unseen.TOO_SMALL
        area = Rect(left, top, right - left, bottom - top)
        step = self.soc.vpc.paste_left_step
        crop = Crop(area, self.fit.place(area.size, self.canvas, step))
        return self._unseen(area.size, crop.placement.paste.size) or crop

    def _unseen(self, part: Size, scaled: Size) -> Unseen | None:
        limits = self.soc.vpc
        least, most = limits.output.min, limits.output.max
        ratios = (scaled.width / part.width, scaled.height / part.height)
        narrow = min(part.width, scaled.width) < least.width
        low = min(part.height, scaled.height) < least.height
        if narrow or low or max(ratios) > limits.max_ratio:
            return Unseen.TOO_SMALL
        if part.width > most.width or part.height > most.height or min(ratios) < limits.min_ratio:
            return Unseen.TOO_LARGE
        return None


def _even_span(first: float, last: float, expand: float, length: int) -> tuple[int, int] | None:
    """Return the even edges around a stretch of one axis; None where it lies outside of 0..length.

    They are equal, or in the wrong order, where the stretch has no length.
    """
    end = length // 2 * 2
    margin = max(0.0, last - first) * expand
    # What is far outside may be no integer of a picture, and is cut off anyway.
    low, high = max(first - margin, 0.0), min(last + margin, float(end))
    if low >= end or high <= 0:
        return None
    return math.floor(low / 2) * 2, math.ceil(high / 2) * 2


def place_crops(
    soc: Soc,
    memory: Memory,
    vpc: Vpc,
    crops: Sequence[tuple[Picture, Crop]],
    fill: tuple[int, int, int],
) -> list[Picture]:
    """Return a canvas for each part, which is scaled and pasted there by VPC in batches of regions.

    A canvas is `fill` (Y, U, V) wherever the part does not cover it; the caller releases all.
    Raises DeviceError as VPC does, and DeviceOutOfMemoryError where the canvases do not fit.
    """
    placed: list[Picture] = []
    most = soc.vpc.most_regions
    try:
        for start in range(0, len(crops), most):
            placed += _one_call(soc, memory, vpc, crops[start : start + most], fill)
    except BaseException:
        _release(placed)
        raise
    return placed


def _one_call(
    soc: Soc,
    memory: Memory,
    vpc: Vpc,
    crops: Sequence[tuple[Picture, Crop]],
    fill: tuple[int, int, int],
) -> list[Picture]:
    onto: dict[int, Picture] = {}
    try:
        for at, (picture, crop) in enumerate(crops):
            if not crop.placement.fills:
                surface = canvas(crop.placement.canvas, fill)
                onto[at] = in_memory(soc, memory, surface, picture.colour, picture.row, "crop")
        made = iter(vpc.batch([_region(*part, onto.get(at)) for at, part in enumerate(crops)]))
    except BaseException:
        _release(onto.values())
        raise
    return [onto[at] if at in onto else next(made) for at in range(len(crops))]


def _region(picture: Picture, crop: Crop, onto: Picture | None) -> Region:
    if onto is None:
        return Region(picture, crop.area, size=crop.placement.canvas)
    return Region(picture, crop.area, onto=onto, paste=crop.placement.paste)


def _release(pictures: Iterable[Picture]) -> None:
    for picture in pictures:
        picture.release()
