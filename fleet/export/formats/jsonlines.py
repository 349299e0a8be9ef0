"""JSON Lines: an object a frame, with its boxes; edges in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fleet.export.chosen.video import Box, Dataset, Piece, VideoRows
from fleet.export.formats.format import ByFrame, dumps, pixels, score_of, where

FILE = "frames.jsonl"


class JsonLines(ByFrame):
    """The names of the tables' columns; a frame in which nothing was found has no boxes."""

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        yield Piece(FILE, "", 0)
        for rows in videos:
            video = rows.video
            for frame in rows.frames():
                line = {
                    **where(video, frame),
                    "image": self.picture(video, frame, dataset.suffix),
                    "width": video.width,
                    "height": video.height,
                    "boxes": [_box(box) for box in frame.boxes],
                }
                yield Piece(FILE, f"{dumps(line)}\n", 0)


def _box(box: Box) -> dict[str, Any]:
    edges = {name: pixels(getattr(box, name)) for name in ("x1", "y1", "x2", "y2")}
    found = {"label": box.label, "class_id": box.class_id, "score": score_of(box), **edges}
    return found if box.track is None else {**found, "track": box.track}
