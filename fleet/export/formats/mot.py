"""MOT Challenge: a folder a video; frames, pixels, classes and tracks count from 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.export.chosen.video import Box, Dataset, Frame, Piece, Video, VideoRows
from fleet.export.formats.format import pixels, score_of
from fleet.text import one_line

FRAMES = "frames.csv"
"""Of each video: which frame of the video a number is."""


class Mot:
    """det/det.txt has all boxes; gt/gt.txt those that have a track, where the table has tracks.

    Frames are numbered without gaps, as the tools want them: `frames.csv` says which ones they are.
    """

    def picture(self, video: Video, frame: Frame, suffix: str) -> str:
        """See Format."""
        return f"{video.name}/img1/{frame.place + 1:06}{suffix}"

    def numbering(self, rows: VideoRows) -> Piece | None:
        """See Format."""
        lines = (f"{f.place + 1},{f.number},{f.pts},{f.time_s!r}\n" for f in rows.bare_frames())
        text = f"number,frame,pts,time_s\n{''.join(lines)}"
        return Piece(f"{rows.video.name}/{FRAMES}", text)

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        numbers = {label: number for number, label in enumerate(dataset.labels, 1)}
        names = "".join(f"{one_line(label)}\n" for label in dataset.labels)
        for rows in videos:
            name = rows.video.name
            yield Piece(f"{name}/seqinfo.ini", _seqinfo(rows, dataset.suffix))
            yield Piece(f"{name}/gt/labels.txt", names)
            det, gt = [], []
            # Tracks count from 1; those of a table may count from 0.
            tracks = [box.track for frame in rows.frames() for box in frame.boxes]
            shift = 1 - min([1, *(track for track in tracks if track is not None)])
            for frame in rows.frames():
                for box in frame.boxes:
                    number = numbers[box.label]
                    det.append(f"{frame.place + 1},-1,{_box(box)},{score_of(box)},{number},-1,-1\n")
                    if box.track is not None:
                        track = box.track + shift
                        gt.append(f"{frame.place + 1},{track},{_box(box)},1,{number},1\n")
            yield Piece(f"{name}/det/det.txt", "".join(det))
            if dataset.has_tracks:
                yield Piece(f"{name}/gt/gt.txt", "".join(gt))


def _box(box: Box) -> str:
    """Write left, top, width and height; the edge of the first pixel is at 1."""
    sides = (box.x1 + 1, box.y1 + 1, box.width, box.height)
    return ",".join(f"{pixels(side)}" for side in sides)


def _seqinfo(rows: VideoRows, suffix: str) -> str:
    facts = {
        "name": rows.video.name,
        "imDir": "img1",
        "frameRate": f"{_rate(rows):g}",
        "seqLength": len(rows),
        "imWidth": rows.video.width,
        "imHeight": rows.video.height,
        "imExt": suffix,
    }
    return "[Sequence]\n" + "".join(f"{name}={value}\n" for name, value in facts.items())


def _rate(rows: VideoRows) -> float:
    """Return how many of the exported frames there are a second, rounded."""
    span_s = float(rows.time_s[-1] - rows.time_s[0])
    rate = (len(rows) - 1) / span_s if span_s > 0 else rows.video.fps or 1
    return round(rate, 3)
