"""CVAT for images 1.1: one XML; images count from 0, boxes are four edges in pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from fleet.export.chosen.video import Box, Dataset, Piece, VideoRows
from fleet.export.formats.format import ByFrame, below_pictures, dumps, pixels, score_of
from fleet.text import one_line

FILE, LABELS = "annotations.xml", "labels.json"
_HEAD, _IMAGES, _TAIL = range(3)


class Cvat(ByFrame):
    """Images by their names below images/, and labels.json for the task that takes them.

    Scores, and tracks where there are some, are attributes of boxes.
    """

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        attributes = ["score", *(["track"] if dataset.has_tracks else [])]
        yield Piece(LABELS, f"{dumps(_task_labels(dataset, attributes))}\n")
        yield Piece(FILE, _head(dataset, attributes), _HEAD)
        yield Piece(FILE, "</annotations>\n", _TAIL)
        number = 0
        for rows in videos:
            video = rows.video
            for frame in rows.frames():
                name = quoteattr(below_pictures(video, frame, dataset.suffix))
                size = f'width="{video.width}" height="{video.height}"'
                boxes = "".join(map(_box, frame.boxes))
                image = f'  <image id="{number}" name={name} {size}>\n{boxes}  </image>\n'
                yield Piece(FILE, image, _IMAGES)
                number += 1


def _task_labels(dataset: Dataset, attributes: list[str]) -> list[dict[str, object]]:
    """Return the labels as the raw editor of a task takes them."""
    declared = [
        {"name": name, "input_type": "text", "mutable": False, "values": [""]}
        for name in attributes
    ]
    return [{"name": one_line(label), "attributes": declared} for label in dataset.labels]


def _head(dataset: Dataset, attributes: list[str]) -> str:
    declared = "".join(
        f"<attribute><name>{name}</name><mutable>False</mutable><input_type>text</input_type>"
        "<default_value></default_value><values></values></attribute>"
        for name in attributes
    )
    labels = "".join(
        f"<label><name>{escape(one_line(label))}</name>"
        f"<attributes>{declared}</attributes></label>\n"
        for label in dataset.labels
    )
    source = escape(one_line(dataset.output))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  <meta><task><name>{source}</name><mode>annotation</mode>\n"
        f"<labels>\n{labels}</labels></task></meta>\n"
    )


def _box(box: Box) -> str:
    edges = zip(("xtl", "ytl", "xbr", "ybr"), (box.x1, box.y1, box.x2, box.y2), strict=True)
    sides = " ".join(f'{name}="{pixels(edge)}"' for name, edge in edges)
    label = quoteattr(one_line(box.label))
    track = "" if box.track is None else f'<attribute name="track">{box.track}</attribute>'
    score = f'<attribute name="score">{score_of(box)}</attribute>'
    place = f'occluded="0" source="auto" {sides} z_order="0"'
    return f"    <box label={label} {place}>{score}{track}</box>\n"
