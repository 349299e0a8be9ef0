"""What is exported of a video: its facts, its chosen frames, and the boxes in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_STEM_LENGTH, _DIGITS = 60, 12
_FRAMES_AT_ONCE = 500
_NOT_KEPT = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True)
class Video:
    """One video stream, as its exported frames are called and measured."""

    uri: str
    """As the tables write it."""
    etag: str
    """Which version of the file."""
    width: int
    """Pixels of a picture, as the job saw it."""
    height: int
    """Its rows."""
    fps: float | None
    """Frames a second; None for fewer than two frames."""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """What the job took from its path."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"pictures of {self.uri} have pixels: {self.width}x{self.height}")

    @cached_property
    def name(self) -> str:
        """Return what its frames are called by: a name that no other version or video has.

        Letters, digits, - and _ alone. It depends on location and version, so that neither other
        videos nor another choice of frames change it.
        """
        stem = _NOT_KEPT.sub("_", PurePosixPath(self.uri).stem)[:_STEM_LENGTH]
        version = f"{self.uri}\n{self.etag}".encode(errors="surrogatepass")
        return f"{stem}-{sha256(version).hexdigest()[:_DIGITS]}"


@dataclass(frozen=True)
class Box:
    """One object that was found in a frame."""

    label: str
    class_id: int
    """Its position in the model's own list of labels."""
    score: float
    """0..1."""
    x1: float
    """Left edge, in pixels of the picture; 0 is the left edge of the first pixel."""
    y1: float
    x2: float
    y2: float
    track: int | None = None
    """Which object of the video it is; None where the table has no tracks, or it is of none."""

    @property
    def width(self) -> float:
        """Its width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Its height in pixels."""
        return self.y2 - self.y1

    def inside(self, video: Video) -> Box | None:
        """Return the part of it that lies in the picture; None where nothing does."""
        x1, x2 = (min(max(x, 0.0), float(video.width)) for x in (self.x1, self.x2))
        y1, y2 = (min(max(y, 0.0), float(video.height)) for y in (self.y1, self.y2))
        if x2 <= x1 or y2 <= y1:
            return None
        return Box(self.label, self.class_id, self.score, x1, y1, x2, y2, self.track)


class Numbered(Protocol):
    """What the name of a frame's picture depends on; see Frame."""

    @property
    def number(self) -> int:
        """Return its number in the video."""

    @property
    def place(self) -> int:
        """Return its place among the exported frames."""


@dataclass(frozen=True)
class Frame:
    """One frame that was looked at, and what was found in it."""

    number: int
    """In the video, from 0."""
    place: int
    """Among the exported frames of the video, from 0."""
    pts: int
    """In ticks of the stream's time base."""
    time_s: float
    """Seconds from the first frame of the video."""
    time: datetime | None
    """When it was, by a wall clock, in UTC; None where nothing says so."""
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class VideoRows:
    """The exported frames of one video, in presentation order."""

    video: Video
    numbers: NDArray[np.int64]
    """Frame numbers, rising: int64 [frames]."""
    pts: NDArray[np.int64]
    """Presentation times in ticks: int64 [frames]."""
    time_s: NDArray[np.float64]
    """Seconds from the first frame of the video: float64 [frames]."""
    times: Sequence[datetime | None]
    """Wall-clock times, [frames]."""
    boxes: pa.Table
    """The rows of detections of these frames, in the order of their frames."""
    bounds: NDArray[np.int64]
    """Frame n has the rows bounds[n] to bounds[n + 1] of `boxes`: int64 [frames + 1]."""

    def __len__(self) -> int:
        return len(self.numbers)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, one by one."""
        for first in range(0, len(self), _FRAMES_AT_ONCE):
            last = min(first + _FRAMES_AT_ONCE, len(self))
            start, end = int(self.bounds[first]), int(self.bounds[last])
            boxes = [Box(**row) for row in self.boxes.slice(start, end - start).to_pylist()]
            for place in range(first, last):
                own = slice(int(self.bounds[place]) - start, int(self.bounds[place + 1]) - start)
                yield self._frame(place, tuple(boxes[own]))

    def bare_frames(self) -> Iterator[Frame]:
        """Return the frames without their boxes, one by one."""
        return map(self.bare, range(len(self)))

    def bare(self, place: int) -> Frame:
        """Return a frame, by its place among the exported ones, without its boxes."""
        return self._frame(place, ())

    def _frame(self, place: int, boxes: tuple[Box, ...]) -> Frame:
        return Frame(
            number=int(self.numbers[place]),
            place=place,
            pts=int(self.pts[place]),
            time_s=float(self.time_s[place]),
            time=self.times[place],
            boxes=boxes,
        )


@dataclass(frozen=True)
class Dataset:
    """What is said of an export as a whole."""

    output: str
    """The location of the output that it is made from."""
    job: str
    """The digest of the job, which names the rows' origin."""
    labels: tuple[str, ...]
    """The classes, of which boxes may be exported: in the order of the model's list, each once."""
    videos: tuple[str, ...]
    """The locations of the videos, sorted."""
    suffix: str
    """How the names of pictures end: .jpg or .png."""
    has_pictures: bool
    """Whether the pictures lie in the export, too."""
    columns: tuple[str, ...] = ()
    """The names of the columns that are taken from paths."""
    has_tracks: bool = False
    """Whether the table says which object a box is of."""
    place: str = ""
    """Where it is written."""

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"each label stands once: {self.labels}")


@dataclass(frozen=True)
class Piece:
    """Some text of a file of an export."""

    name: str
    """The file's name, below the folder of the export."""
    text: str
    section: int | None = None
    """None where the text is the whole file. Else it is added to this section of the file, and the
    sections follow each other in their order when all pieces are there."""
    is_last: bool = False
    """Whether the file has all its pieces with this one, so that nothing of it need be kept."""
