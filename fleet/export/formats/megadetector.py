"""MegaDetector's results: one JSON; boxes are left, top, width, height in shares of the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fleet.export.chosen.video import Box, Dataset, Piece, Video, VideoRows
from fleet.export.formats.format import ByFrame, Listed, dumps, fraction, score_of

FILE = "detections.json"
VERSION = "1.6"
"""Of the format: https://lila.science/megadetector-output-format."""
_HEAD, _IMAGES, _TAIL = range(3)


class MegaDetector(ByFrame):
    """An entry a picture where these are exported; else one a video, whose boxes name their frames.

    Categories count from 1, as 0 is kept for pictures without anything.
    """

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        numbers = {label: str(number) for number, label in enumerate(dataset.labels, 1)}
        categories = {number: label for label, number in numbers.items()}
        info = {"format_version": VERSION, "detector": f"fleet job {dataset.job[:12]}"}
        head = f'{{"info":{dumps(info)},"detection_categories":{dumps(categories)}'
        yield Piece(FILE, f'{head},"images":[\n', _HEAD)
        yield Piece(FILE, "\n]}\n", _TAIL)
        images = Listed()
        for rows in videos:
            for entry in self._entries(dataset, rows, numbers):
                yield Piece(FILE, images.item(entry), _IMAGES)

    def _entries(
        self, dataset: Dataset, rows: VideoRows, numbers: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        video = rows.video
        if dataset.has_pictures or video.fps is None:
            for frame in rows.frames():
                found = [_detection(box, numbers[box.label], video) for box in frame.boxes]
                own = self.picture(video, frame, dataset.suffix)
                yield {"file": own if dataset.has_pictures else video.uri, "detections": found}
            return
        yield {
            "file": video.uri,
            "frame_rate": video.fps,
            "frames_processed": rows.numbers.tolist(),
            "detections": [
                {**_detection(box, numbers[box.label], video), "frame_number": frame.number}
                for frame in rows.frames()
                for box in frame.boxes
            ],
        }


def _detection(box: Box, category: str, video: Video) -> dict[str, Any]:
    sides = (
        fraction(box.x1, video.width),
        fraction(box.y1, video.height),
        fraction(box.width, video.width),
        fraction(box.height, video.height),
    )
    return {"category": category, "conf": score_of(box), "bbox": list(sides)}
