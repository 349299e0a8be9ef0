"""The contact sheet: frames resized by the VPC and encoded by the JPEGE, with boxes drawn on them.

The frames come from the job thumbnails, the boxes from the job detect.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fleet.show.detections import Mark, read_detections
from fleet.show.draw import class_colour, draw_marks
from fleet.show.movie import png
from fleet.show.video import kept_indexes, recorded_index
from fleet.table.state.read import Tables

A_CAMERA = 3
"""How many frames of each camera stand side by side."""
TILE_PX = 640
_GAP_PX, _HEAD_PX, _FONT_PX = 6, 44, 20
_GROUND, _INK = (16, 16, 16), (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Tile:
    """A frame as the device's JPEG, and its boxes in pixels of that JPEG."""

    camera: str
    time_s: float
    jpeg: bytes
    marks: tuple[Mark, ...]


def contact_sheet(pictures: Tables, detections: Tables, least_score: float) -> bytes:
    """Return a PNG with frames of `pictures` and their boxes that score at least `least_score`.

    `pictures`: an output of the job thumbnails with the column camera. `detections`: an output of
    the job detect over the same videos, which has all frames of the first.
    """
    tiles = list(_tiles(pictures, detections, least_score))
    return png(_laid_out([_drawn(tile) for tile in tiles], _legend(tiles, least_score)))


def _tiles(pictures: Tables, detections: Tables, least_score: float) -> Iterator[Tile]:
    columns = ["uri", "frame", "time_s", "camera", "width", "jpeg"]
    rows = pictures.table("thumbnails").to_table(columns=columns).to_pylist()
    by_video: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["camera"], row["uri"], row["frame"])):
        by_video[row["uri"]].append(row)
    with closing(kept_indexes(detections)) as indexes:
        for uri, of_video in by_video.items():
            index = recorded_index(detections, uri, indexes)
            found = read_detections(detections, index, least_score).marks
            for row in of_video[:A_CAMERA]:
                scale = row["width"] / index.stream.shown_size.width
                marks = tuple(_scaled(mark, scale) for mark in found.get(row["frame"], ()))
                yield Tile(row["camera"], row["time_s"], row["jpeg"], marks)


def _scaled(mark: Mark, scale: float) -> Mark:
    x1, y1, x2, y2 = (edge * scale for edge in mark.xyxy)
    return replace(mark, xyxy=(x1, y1, x2, y2))


def _drawn(tile: Tile) -> NDArray[np.uint8]:
    rgb = np.asarray(Image.open(io.BytesIO(tile.jpeg)).convert("RGB"), np.uint8)
    counts = Counter(mark.label for mark in tile.marks).most_common()
    said = ", ".join(f"{label} {count}" for label, count in counts) or "nothing found"
    # Thin and without names: in a crowd of this size, names would hide the people.
    caption = f"{tile.camera}   {tile.time_s:.1f} s   {said}"
    return draw_marks(rgb, tile.marks, caption, held=True)


def _legend(tiles: Sequence[Tile], least_score: float) -> list[tuple[str, tuple[int, int, int]]]:
    """Return the words of the head line and their colours."""
    kinds = {mark.class_id: mark.label for tile in tiles for mark in tile.marks}
    words = [(kinds[number], class_colour(number)) for number in sorted(kinds)]
    return [(f"Found with a score of {least_score:g} or more:", _INK), *words]


def _laid_out(
    tiles: Sequence[NDArray[np.uint8]], legend: Sequence[tuple[str, tuple[int, int, int]]]
) -> NDArray[np.uint8]:
    rows = [tiles[start : start + A_CAMERA] for start in range(0, len(tiles), A_CAMERA)]
    heights = [max(len(tile) for tile in row) for row in rows]
    width = A_CAMERA * (TILE_PX + _GAP_PX) - _GAP_PX
    height = _HEAD_PX + sum(heights) + _GAP_PX * (len(rows) - 1)
    sheet = Image.new("RGB", (width, height), _GROUND)
    top = _HEAD_PX
    for row, high in zip(rows, heights, strict=True):
        for place, tile in enumerate(row):
            sheet.paste(Image.fromarray(tile), (place * (TILE_PX + _GAP_PX), top))
        top += high + _GAP_PX
    _write_head(ImageDraw.Draw(sheet), legend)
    return np.asarray(sheet)


def _write_head(
    pen: ImageDraw.ImageDraw, legend: Sequence[tuple[str, tuple[int, int, int]]]
) -> None:
    font = ImageFont.load_default(_FONT_PX)
    left = float(_FONT_PX // 2)
    for word, colour in legend:
        pen.text((left, _HEAD_PX / 2), word, colour, font, anchor="lm")
        left += pen.textlength(f"{word}   ", font)
