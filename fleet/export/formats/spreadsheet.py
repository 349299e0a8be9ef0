"""CSV: a line a box, and a line a frame; edges in pixels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from fleet.export.chosen.video import Box, Dataset, Frame, Piece, Video, VideoRows
from fleet.export.formats.format import ByFrame, pixels, score_of

BOXES, FRAMES = "detections.csv", "frames.csv"
_HEAD, _LINES = range(2)
_WHERE = ("uri", "frame", "pts", "time_s", "time")
_BOX = ("label", "class_id", "score", "x1", "y1", "x2", "y2")


class Csv(ByFrame):
    """The columns of the tables by their names, and the name of the picture as `image`."""

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        size = ("width", "height")
        tracks = ("track",) * dataset.has_tracks
        columns = dataset.columns
        yield Piece(BOXES, _lines([("image", *_WHERE, *_BOX, *tracks, *columns)]), _HEAD)
        yield Piece(FRAMES, _lines([("image", *_WHERE, *size, "boxes", *columns)]), _HEAD)
        for rows in videos:
            video = rows.video
            of_path = [video.columns.get(name) for name in columns]
            for frame in rows.frames():
                place = (self.picture(video, frame, dataset.suffix), *_where(video, frame))
                facts = (video.width, video.height, len(frame.boxes))
                yield Piece(FRAMES, _lines([(*place, *facts, *of_path)]), _LINES)
                if frame.boxes:
                    boxes = [
                        (*place, *_values(box), *((box.track,) * dataset.has_tracks), *of_path)
                        for box in frame.boxes
                    ]
                    yield Piece(BOXES, _lines(boxes), _LINES)


def _where(video: Video, frame: Frame) -> tuple[object, ...]:
    time = None if frame.time is None else frame.time.isoformat()
    return video.uri, frame.number, frame.pts, frame.time_s, time


def _values(box: Box) -> tuple[object, ...]:
    edges = (pixels(edge) for edge in (box.x1, box.y1, box.x2, box.y2))
    return box.label, box.class_id, score_of(box), *edges


def _lines(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
