"""MegaDetector's results: one JSON; boxes are left, top, width, height in shares of the picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fleet.export.chosen.video import Box, Dataset, Frame, Piece, Video, VideoRows
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
            if dataset.has_pictures or rows.video.fps is None:
                for frame in rows.frames():
                    entry = self._entry(dataset, rows.video, frame, numbers)
                    yield Piece(FILE, images.item(entry), _IMAGES)
            else:
                for text in _entry_of_video(rows, numbers, images):
                    yield Piece(FILE, text, _IMAGES)

    def _entry(
        self, dataset: Dataset, video: Video, frame: Frame, numbers: dict[str, str]
    ) -> dict[str, Any]:
        found = [_detection(box, numbers[box.label], video) for box in frame.boxes]
        own = self.picture(video, frame, dataset.suffix)
        return {"file": own if dataset.has_pictures else video.uri, "detections": found}


def _entry_of_video(rows: VideoRows, numbers: dict[str, str], images: Listed) -> Iterator[str]:
    """Yield the texts that are, one behind the other, the entry of a whole video."""
    video = rows.video
    yield images.begun({"file": video.uri, "frame_rate": video.fps}, "frames_processed")
    frames, found = Listed(), Listed()
    for frame in rows.bare_frames():
        yield frames.item(frame.number)
    yield '],"detections":['
    for frame in rows.frames():
        for box in frame.boxes:
            detection = _detection(box, numbers[box.label], video)
            yield found.item({**detection, "frame_number": frame.number})
    yield "]}"


def _detection(box: Box, category: str, video: Video) -> dict[str, Any]:
    sides = (
        fraction(box.x1, video.width),
        fraction(box.y1, video.height),
        fraction(box.width, video.width),
        fraction(box.height, video.height),
    )
    return {"category": category, "conf": score_of(box), "bbox": list(sides)}
