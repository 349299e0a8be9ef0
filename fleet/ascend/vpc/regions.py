"""A region of a batch: what is cut out of which picture, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.core.frames import Picture
from fleet.core.geometry import Rect, Size


@dataclass(frozen=True, eq=False)
class Region:
    """One region of a batch; it is cut out, scaled where sizes differ, and pasted where it is told.

    Exactly one of `size` and `onto` is set.
    """

    picture: Picture
    """Where it is cut out."""
    area: Rect
    """The part of the picture."""
    size: Size | None = None
    """The size of a new picture that it becomes; its own size is a plain crop."""
    onto: Picture | None = None
    """The picture into which it is pasted, whose other pixels stay."""
    paste: Rect | None = None
    """The area that it fills there."""

    def __post_init__(self) -> None:
        if (self.size is None) == (self.onto is None) or (self.onto is None) != (
            self.paste is None
        ):
            raise ValueError(f"a region becomes a picture of a size, or is pasted onto one: {self}")
