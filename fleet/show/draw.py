"""Draw boxes, labels and a caption on a picture."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fleet.show.detections import Mark
from fleet.text import one_line

Colour = tuple[int, int, int]
Plate = tuple[float, float, float, float]
"""Left, top, right and bottom of a label's background, in pixels."""
GOLDEN = 0.618034
"""The golden ratio less 1: multiples of it spread evenly over the hues."""
DARK, LIGHT = (16, 16, 16), (255, 255, 255)


@dataclass(frozen=True)
class Measures:
    """The sizes in which things are drawn."""

    font_px: int
    line_px: int

    @classmethod
    def of(cls, height: int) -> Measures:
        """Return the sizes for a picture of `height` pixels."""
        return cls(max(11, round(height / 54)), max(1, round(height / 400)))


def class_colour(class_id: int) -> Colour:
    """Return the colour of a class, (red, green, blue) u8; neighbouring classes differ most."""
    red, green, blue = colorsys.hsv_to_rgb((0.33 + class_id * GOLDEN) % 1, 0.85, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_marks(
    rgb: NDArray[np.uint8], marks: Sequence[Mark], caption: str, *, held: bool = False
) -> NDArray[np.uint8]:
    """Return the picture with boxes, their labels and scores, and a caption below it.

    `rgb`: RGB u8 [height, width, 3]; the result is higher by the caption, an even number of rows.
    `held`: the boxes are of an earlier frame; they are drawn thin, without labels.
    """
    height, width = rgb.shape[:2]
    # A box without a place, such as a model may give, cannot be drawn.
    marks = [_near(mark, width, height) for mark in marks if all(map(math.isfinite, mark.xyxy))]
    measures = Measures.of(height)
    font = _font(measures.font_px)
    below = measures.font_px * 2 // 2 * 2
    image = Image.new("RGB", (width, height + below), DARK)
    image.paste(Image.fromarray(rgb), (0, 0))
    pen = ImageDraw.Draw(image)
    for mark in sorted(marks, key=lambda mark: mark.score):
        _box(pen, mark, 1 if held else measures.line_px)
    for mark, plate in _plates(pen, [] if held else marks, font, (width, height)):
        _label(pen, mark, plate, font)
    pen.rectangle((0, height, width, height + below), fill=DARK)
    pen.text((measures.font_px // 2, height + below // 2), caption, LIGHT, font, anchor="lm")
    return np.asarray(image)


def _near(mark: Mark, width: int, height: int) -> Mark:
    """Bring what lies far outside of the picture near: drawing takes as long as lines are."""
    x1, y1, x2, y2 = mark.xyxy
    xs = (min(max(x, -width), 2 * width) for x in (x1, x2))
    ys = (min(max(y, -height), 2 * height) for y in (y1, y2))
    (left, right), (top, bottom) = xs, ys
    return replace(mark, xyxy=(left, top, right, bottom))


def _font(pixels: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(pixels)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels carry FreeType"
    return font


def _box(pen: ImageDraw.ImageDraw, mark: Mark, width: int) -> None:
    x1, y1, x2, y2 = mark.xyxy
    # A dark line on either side keeps a box apart from a background of the same colour.
    pen.rectangle((x1 - 1, y1 - 1, max(x1, x2) + 1, max(y1, y2) + 1), outline=DARK, width=width + 2)
    pen.rectangle(
        (x1, y1, max(x1, x2), max(y1, y2)), outline=class_colour(mark.class_id), width=width
    )


def _plates(
    pen: ImageDraw.ImageDraw,
    marks: Sequence[Mark],
    font: ImageFont.FreeTypeFont,
    size: tuple[int, int],
) -> list[tuple[Mark, Plate]]:
    """Place each label, that of the highest score first, where it covers no other if possible."""
    placed: list[tuple[Mark, Plate]] = []
    for mark in sorted(marks, key=lambda mark: -mark.score):
        wide = pen.textlength(_text(mark), font) + font.size / 2
        places = _places(mark, wide, font.size * 1.25, size)
        free = (place for place in places if not any(_overlap(place, other) for _, other in placed))
        placed.append((mark, next(free, places[0])))
    return placed


def _places(mark: Mark, wide: float, high: float, size: tuple[int, int]) -> list[Plate]:
    """List where a label fits: above its box, below it, inside it at the top or the foot."""
    left = min(max(mark.xyxy[0], 0), max(0, size[0] - wide))
    top, foot = mark.xyxy[1], mark.xyxy[3]
    rows = [row for row in (top - high, foot, top, foot - high) if 0 <= row <= size[1] - high]
    return [(left, row, left + wide, row + high) for row in rows or [max(0, top)]]


def _overlap(one: Plate, other: Plate) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _label(
    pen: ImageDraw.ImageDraw, mark: Mark, plate: Plate, font: ImageFont.FreeTypeFont
) -> None:
    colour = class_colour(mark.class_id)
    pen.rectangle(plate, fill=colour)
    middle = (plate[0] + font.size / 4, (plate[1] + plate[3]) / 2)
    pen.text(middle, _text(mark), _readable(colour), font, anchor="lm")


def _text(mark: Mark) -> str:
    return f"{one_line(mark.label)} {mark.score:.2f}"


def _readable(colour: Colour) -> Colour:
    red, green, blue = colour
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else LIGHT
