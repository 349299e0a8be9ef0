"""Sizes, rectangles, alignment, and where a picture lies on the model's canvas."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

_MOST_STRETCHED = 4096
"""Columns or rows of the largest picture that a chip scales to (docs/chip.md#vpc-output)."""
_LEAST_SQUEEZED = 16


def align_up(value: int, step: int) -> int:
    """Return `value`, rounded up to a multiple of `step`."""
    return -(-value // step) * step


@dataclass(frozen=True, order=True)
class Size:
    """Width and height in pixels, both at least 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a size needs a width and a height of at least 1 pixel: {self}")

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        """Return width times height."""
        return self.width * self.height

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `352x352`; raise ValueError for anything else."""
        width, cross, height = text.lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            raise ValueError(f"{text!r} is not a size; write it as 352x288 (width x height)")
        return cls(int(width), int(height))


@dataclass(frozen=True)
class Rect:
    """A rectangle in pixels; its right and bottom edges are exclusive.

    AscendCL writes a region of interest with inclusive edges: `right - 1` and `bottom - 1` here.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.left < 0 or self.top < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"not a rectangle inside a picture: {self}")

    @property
    def right(self) -> int:
        """Return the first column past the rectangle."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Return the first row past the rectangle."""
        return self.top + self.height

    @property
    def size(self) -> Size:
        """Return its width and height."""
        return Size(self.width, self.height)

    def inside(self, size: Size) -> bool:
        """Return whether it lies wholly within a picture of that size."""
        return self.right <= size.width and self.bottom <= size.height


@dataclass(frozen=True)
class Placement:
    """Where a source picture lies on the model's canvas, and how boxes are mapped back."""

    source: Size
    canvas: Size
    paste: Rect
    """Where the whole source, scaled, is put on the canvas."""

    def __post_init__(self) -> None:
        if not self.paste.inside(self.canvas):
            raise ValueError(f"{self.paste} does not lie inside a canvas of {self.canvas}")

    @property
    def fills(self) -> bool:
        """Return whether the picture covers the canvas, so that nothing needs padding."""
        return self.paste.size == self.canvas

    def to_source(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return boxes float32 [n, 4] mapped from canvas to source pixels, not clipped."""
        scale_x = self.source.width / self.paste.width
        scale_y = self.source.height / self.paste.height
        offset = np.array([self.paste.left, self.paste.top] * 2, np.float32)
        scale = np.array([scale_x, scale_y] * 2, np.float32)
        return ((xyxy - offset) * scale).astype(np.float32)


def stretch(source: Size, canvas: Size) -> Placement:
    """Return the placement that scales the source over the whole canvas, changing its shape."""
    return Placement(source, canvas, Rect(0, 0, canvas.width, canvas.height))


def letterbox(source: Size, canvas: Size, left_step: int = 16, even: int = 2) -> Placement:
    """Return the placement that keeps the source's shape, as near the centre as the chip allows.

    The VPC pastes at a left offset that is a multiple of 16 and at even rows and sizes
    (docs/chip.md#vpc-paste), so the picture lies up to 15 pixels left of the centre.
    """
    scale = min(canvas.width / source.width, canvas.height / source.height)
    width = _fit(source.width * scale, canvas.width, even)
    height = _fit(source.height * scale, canvas.height, even)
    left = (canvas.width - width) // 2 // left_step * left_step
    top = (canvas.height - height) // 2 // even * even
    return Placement(source, canvas, Rect(left, top, width, height))


def square_pixels(stored: Size, sample_aspect: Fraction) -> Size:
    """Return the size at which a picture, whose pixels are no squares, is shown with square ones.

    `sample_aspect`: a pixel's width to its height. One side is stretched, to an even number, so
    that nothing is lost; where no scaler makes so large a picture, the other is squeezed.
    """
    if sample_aspect == 1:
        return stored
    wider = Size(_even(stored.width * sample_aspect), stored.height)
    higher = Size(stored.width, _even(stored.height / sample_aspect))
    stretched, squeezed = (wider, higher) if sample_aspect > 1 else (higher, wider)
    longest = max(stretched.width, stretched.height)
    return stretched if longest <= _MOST_STRETCHED else squeezed


def _even(length: Fraction) -> int:
    return max(_LEAST_SQUEEZED, round(length / 2) * 2)


class Fit(StrEnum):
    """How a picture is fitted to a canvas: its shape changed, or kept with a border."""

    STRETCH = "stretch"
    LETTERBOX = "letterbox"

    def place(self, source: Size, canvas: Size, left_step: int = 16) -> Placement:
        """Return where a picture of size `source` lies on the canvas, fitted this way.

        `left_step`: that of the chip's VPC, as `letterbox` takes it.
        """
        if self is Fit.STRETCH:
            return stretch(source, canvas)
        return letterbox(source, canvas, left_step)


def _fit(length: float, limit: int, even: int) -> int:
    return max(even, min(round(length / even) * even, limit // even * even))
