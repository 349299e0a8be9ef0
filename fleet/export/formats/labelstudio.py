"""Label Studio: tasks with predictions; boxes are left, top, width, height in hundredths.

It refuses what lies outside of 0 to 100, so that boxes end at the edges of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from fleet.export.chosen.video import Box, Dataset, Frame, Piece, Video, VideoRows
from fleet.export.formats.format import ByFrame, Listed, fraction, score_of, where
from fleet.text import one_line

FILE, CONFIG = "tasks.json", "config.xml"
_HEAD, _TASKS, _TAIL = range(3)
_LOCAL = "/data/local-files/?d="
"""How Label Studio is asked for a file below its LOCAL_FILES_DOCUMENT_ROOT, the export's folder."""


class LabelStudio(ByFrame):
    """A task a frame, and config.xml for the project that takes them."""

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        labels = "".join(f"    <Label value={quoteattr(one_line(x))}/>\n" for x in dataset.labels)
        yield Piece(
            CONFIG,
            '<View>\n  <Image name="image" value="$image"/>\n'
            f'  <RectangleLabels name="label" toName="image">\n{labels}'
            "  </RectangleLabels>\n</View>\n",
        )
        yield Piece(FILE, "[\n", _HEAD)
        yield Piece(FILE, "\n]\n", _TAIL)
        tasks = Listed()
        for rows in videos:
            for frame in rows.frames():
                yield Piece(FILE, tasks.item(self._task(dataset, rows.video, frame)), _TASKS)

    def _task(self, dataset: Dataset, video: Video, frame: Frame) -> dict[str, Any]:
        name = self.picture(video, frame, dataset.suffix)
        is_remote = "://" in dataset.place
        address = f"{dataset.place}/{name}" if is_remote else f"{_LOCAL}{quote(name)}"
        parts = ((n, box.inside(video)) for n, box in enumerate(frame.boxes))
        result = [_region(part, n, video) for n, part in parts if part is not None]
        prediction = {
            "model_version": f"fleet {dataset.job[:12]}",
            "score": max((score_of(box) for box in frame.boxes), default=0.0),
            "result": result,
        }
        return {"data": {**where(video, frame), "image": address}, "predictions": [prediction]}


def _region(box: Box, number: int, video: Video) -> dict[str, Any]:
    sides = {
        "x": (box.x1, video.width),
        "y": (box.y1, video.height),
        "width": (box.width, video.width),
        "height": (box.height, video.height),
    }
    value: dict[str, Any] = {
        name: fraction(100 * length, side) for name, (length, side) in sides.items()
    }
    region = {
        "id": f"box-{number}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": video.width,
        "original_height": video.height,
        "image_rotation": 0,
        "value": {**value, "rotation": 0, "rectanglelabels": [one_line(box.label)]},
        "score": score_of(box),
    }
    return region if box.track is None else {**region, "meta": {"track": [str(box.track)]}}
