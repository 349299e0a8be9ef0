"""MOT Challenge: a folder a video; frames, pixels, classes and tracks count from 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow.compute as pc

from fleet.export.chosen.video import Box, Dataset, Numbered, Piece, Video, VideoRows
from fleet.export.formats.format import pixels, score_of
from fleet.text import one_line

FRAMES = "frames.csv"
"""Of each video: which frame of the video a number is."""


class Mot:
    """det/det.txt has all boxes; gt/gt.txt those that have a track, where the table has tracks.

    Frames are numbered without gaps, as the tools want them: `frames.csv` says which ones they are.
    """

    def picture(self, video: Video, frame: Numbered, suffix: str) -> str:
        """See Format."""
        return f"{video.name}/img1/{frame.place + 1:06}{suffix}"

    def numbering(self, rows: VideoRows) -> Iterator[Piece]:
        """See Format."""
        name = f"{rows.video.name}/{FRAMES}"
        yield Piece(name, "number,frame,pts,time_s\n", 0)
        for f in rows.bare_frames():
            yield Piece(name, f"{f.place + 1},{f.number},{f.pts},{f.time_s!r}\n", 0)

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        numbers = {label: number for number, label in enumerate(dataset.labels, 1)}
        names = "".join(f"{one_line(label)}\n" for label in dataset.labels)
        for rows in videos:
            name = rows.video.name
            det, gt = f"{name}/det/det.txt", f"{name}/gt/gt.txt"
            yield Piece(f"{name}/seqinfo.ini", _seqinfo(rows, dataset.suffix))
            yield Piece(f"{name}/gt/labels.txt", names)
            shift = _shift(rows) if dataset.has_tracks else 0
            for frame in rows.frames():
                place = frame.place + 1
                lines = (
                    f"{place},-1,{_box(box)},{score_of(box)},{numbers[box.label]},-1,-1\n"
                    for box in frame.boxes
                )
                yield Piece(det, "".join(lines), 0)
                if dataset.has_tracks:
                    tracks = (
                        f"{place},{box.track + shift},{_box(box)},1,{numbers[box.label]},1\n"
                        for box in frame.boxes
                        if box.track is not None
                    )
                    yield Piece(gt, "".join(tracks), 0)
            yield Piece(det, "", 0, is_last=True)
            if dataset.has_tracks:
                yield Piece(gt, "", 0, is_last=True)


def _shift(rows: VideoRows) -> int:
    """Return what is added to the tracks of a video: those of a table may count from 0 or below."""
    least = pc.min(rows.boxes["track"]).as_py()
    return 1 - min(1, 1 if least is None else least)


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
