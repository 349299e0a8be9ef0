"""COCO's instances: one JSON; ids count from 1, boxes are left, top, width, height in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.export.chosen.video import Box, Dataset, Piece, VideoRows
from fleet.export.formats.format import (
    ByFrame,
    Listed,
    below_pictures,
    dumps,
    pixels,
    score_of,
    where,
)
from fleet.text import one_line
from fleet.version import __version__

FILE = "annotations/instances_default.json"
_HEAD, _IMAGES, _BETWEEN, _ANNOTATIONS, _TAIL = range(5)


class Coco(ByFrame):
    """Images by their names below images/; an annotation keeps its score."""

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        numbers = {label: number for number, label in enumerate(dataset.labels, 1)}
        categories = [
            {"id": number, "name": label, "supercategory": ""} for label, number in numbers.items()
        ]
        description = f"{one_line(dataset.output)}, job {dataset.job}"
        info = {"description": description, "version": __version__}
        head = f'{{"info":{dumps(info)},"licenses":[],"categories":{dumps(categories)}'
        yield Piece(FILE, f'{head},"images":[\n', _HEAD)
        yield Piece(FILE, '\n],"annotations":[\n', _BETWEEN)
        yield Piece(FILE, "\n]}\n", _TAIL)
        images, annotations = Listed(), Listed()
        image_id = annotation_id = 0
        for rows in videos:
            video = rows.video
            for frame in rows.frames():
                image_id += 1
                image = {
                    **where(video, frame),
                    "id": image_id,
                    "file_name": below_pictures(video, frame, dataset.suffix),
                    "width": video.width,
                    "height": video.height,
                }
                yield Piece(FILE, images.item(image), _IMAGES)
                for box in frame.boxes:
                    annotation_id += 1
                    found = _annotation(box, annotation_id, image_id, numbers[box.label])
                    yield Piece(FILE, annotations.item(found), _ANNOTATIONS)


def _annotation(box: Box, number: int, image: int, category: int) -> dict[str, object]:
    found: dict[str, object] = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [pixels(side) for side in (box.x1, box.y1, box.width, box.height)],
        "area": pixels(box.width * box.height),
        "iscrowd": 0,
        "segmentation": [],
        "score": score_of(box),
    }
    if box.track is not None:
        found["track_id"] = box.track
    return found
