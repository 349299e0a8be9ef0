"""Ultralytics' YOLO: a text a picture; classes from 0, boxes are centre and size in shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from fleet.export.chosen.video import Box, Dataset, Numbered, Piece, Video, VideoRows
from fleet.export.formats.format import PICTURES, dumps, fraction

TRAIN, VAL = "train.txt", "val.txt"


class Yolo:
    """Pictures in one folder, their texts in another; what is trained on stands in train.txt.

    A box is cut at the edges of the picture, as Ultralytics takes no share outside of 0 to 1; one
    that lies outside is left out. The texts hold no scores: Ultralytics takes none.
    """

    def __init__(self, val_share: float = 0.0) -> None:
        self._val_share = val_share

    def picture(self, video: Video, frame: Numbered, suffix: str) -> str:
        """See Format."""
        return f"{PICTURES}/{_name(video, frame)}{suffix}"

    def numbering(self, rows: VideoRows) -> Iterator[Piece]:
        """See Format."""
        del rows
        return iter(())

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """See Format."""
        apart = set_apart(dataset.videos, self._val_share)
        numbers = {label: number for number, label in enumerate(dataset.labels)}
        yield Piece("data.yaml", _description(dataset, has_val=bool(apart)))
        if apart:
            # It is there also where no frame of these videos is left by --every.
            yield Piece(VAL, "", 0)
        yield Piece(TRAIN, "", 0)
        for rows in videos:
            listing = VAL if rows.video.uri in apart else TRAIN
            for frame in rows.frames():
                name = _name(rows.video, frame)
                lines = (_line(box, numbers[box.label], rows.video) for box in frame.boxes)
                yield Piece(f"labels/{name}.txt", "".join(lines))
                yield Piece(listing, f"./{PICTURES}/{name}{dataset.suffix}\n", 0)


def set_apart(videos: Sequence[str], share: float) -> frozenset[str]:
    """Choose a share of the videos, whole ones: at least one where there are two and it is not 0.

    The choice follows from the locations alone.
    """
    if share <= 0 or len(videos) < 2:
        return frozenset()
    count = min(max(1, round(share * len(videos))), len(videos) - 1)
    mixed = sorted(videos, key=lambda uri: sha256(uri.encode()).digest())
    return frozenset(mixed[:count])


def _name(video: Video, frame: Numbered) -> str:
    return f"{video.name}_{frame.number:07}"


def _line(box: Box, number: int, video: Video) -> str:
    part = box.inside(video)
    if part is None:
        return ""
    centre = (part.x1 + part.x2) / 2, (part.y1 + part.y2) / 2
    shares = (
        fraction(centre[0], video.width),
        fraction(centre[1], video.height),
        fraction(part.width, video.width),
        fraction(part.height, video.height),
    )
    return f"{number} {' '.join(f'{share:.7f}' for share in shares)}\n"


def _description(dataset: Dataset, *, has_val: bool) -> str:
    # A text in JSON is one in YAML.
    names = "".join(f"  {n}: {dumps(label)}\n" for n, label in enumerate(dataset.labels))
    val = VAL if has_val else f"{TRAIN}  # no video was set apart: fleet export --val-share 0.2"
    return f"train: {TRAIN}\nval: {val}\nnames:{' {}' * (not names)}\n{names}"
