"""Cut the boxes of an output out of the frames that they are of, with a list of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import Picture
from fleet.core.geometry import Rect
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice, check_tables
from fleet.export.chosen.rows import read_videos, survey
from fleet.export.chosen.video import Box, Frame, Piece, Video, VideoRows
from fleet.export.chosen.videos import VideoFinder
from fleet.export.clips.area import area
from fleet.export.formats.format import pixels, score_of
from fleet.export.picture_job import JPEG_LEVEL, JPG, PNG
from fleet.export.pictures import groups
from fleet.export.place import check_place, put_mark
from fleet.export.sink import Sink
from fleet.show.decode import DecodedFrame, frames_on
from fleet.show.detections import check_frames
from fleet.show.movie import png
from fleet.storage import Folder
from fleet.table.parts.schema import partition_names
from fleet.table.state.read import read
from fleet.video.index import VideoIndex

LIST, PICTURES = "crops.csv", "crops"
_MOST_EXPANDED = 10.0
_PUT_AT_ONCE = 16
_HEAD = (
    *("crop", "uri", "frame", "pts", "time_s", "time", "label", "class_id", "score"),
    *("x1", "y1", "x2", "y2", "left", "top", "width", "height", "track"),
)


@dataclass(frozen=True)
class Cropping:
    """How boxes are cut out."""

    choice: Choice
    """Which boxes, of which frames."""
    expand: float = 0.0
    """The share of its sides that a box grows by on each side, 0..10."""
    suffix: str = JPG
    """How the names of the pictures end: JPG or PNG."""

    def __post_init__(self) -> None:
        if not 0 <= self.expand <= _MOST_EXPANDED:
            message = f"--expand {self.expand:g} is not from 0 to {_MOST_EXPANDED:g}."
            raise UsageError(message, "0.1 makes a box a fifth wider and higher.")
        if self.suffix not in {JPG, PNG}:
            raise ValueError(f"pictures end in {JPG} or {PNG}, not in {self.suffix}")


@dataclass
class Cropped:
    """What cropping has come to; counted while it goes on."""

    uri: str
    """The folder of the crops."""
    finished: bool
    """Whether the output was finished, so that all of it is here."""
    videos: int = 0
    """Videos in which there is a chosen box."""
    frames: int = 0
    """Their frames with such a box."""
    crops: int = 0
    kept: int = 0
    """Crops that were there before."""
    left_out: int = 0
    """Boxes without a number, without an area, or outside of the picture."""
    bytes: int = 0
    """Of the crops that were written now."""

    def leave_out(self, boxes: int) -> None:
        """Count boxes that lack a number, also of videos that have no others."""
        self.left_out += boxes


@dataclass(frozen=True)
class _Crop:
    """One box, before it is cut out."""

    name: str
    """Below the folder of the crops."""
    box: Box
    area: Rect


def cut_crops(
    output: str,
    out: str,
    asked: Cropping,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Cropped:
    """Cut boxes of an output, which is only read, out of their frames, into the folder `out`.

    `on_progress` is told how many of how many videos are done. Raises UsageError where it cannot be
    chosen so, `out` holds something else, or a video was replaced; VideoError and StorageError.
    """
    tables = read(output)
    check_tables(tables, asked.choice)
    folder = Folder(out)
    mark = {
        "format": PICTURES,
        "choice": asked.choice.described(),
        "expand": asked.expand,
        "suffix": asked.suffix,
    }
    check_place(folder, tables, mark)
    choice = replace(asked.choice, found_only=True)
    seen = survey(tables, choice)
    put_mark(folder, tables, mark)
    with_boxes = sum(uri in seen.files[tables.job.table] for uri in seen.rows)
    columns = partition_names(tables.job.partitions)
    done = Cropped(folder.uri, tables.finished)
    with ExitStack() as opened, Sink(folder) as sink:
        finder = opened.enter_context(closing(VideoFinder(tables)))
        device: Backend | None = None
        sink.add(_lines([(*_HEAD, *columns)]))
        videos = read_videos(tables, choice, seen, finder.video, done.leave_out)
        for number, rows in enumerate(videos, 1):
            video = _VideoCrops(rows, asked, folder)
            missing = video.put_lines(sink, columns, done)
            if missing.any():
                index = finder.index(rows.video.uri)
                check_frames(index, rows.numbers, rows.pts, tables.uri)
                if device is None:
                    device = opened.enter_context(closing(open_device(Opening(finder.chip))))
                video.write(missing, index, device, done)
            on_progress(number, with_boxes)
        sink.close()
    return done


class _VideoCrops:
    """The crops of one video: which there are, and which lie in the folder already."""

    def __init__(self, rows: VideoRows, asked: Cropping, folder: Folder) -> None:
        self._rows = rows
        self._asked = asked
        self._folder = folder
        self._there = {entry.name for entry in folder.list(f"{PICTURES}/{rows.video.name}/")}

    def put_lines(self, sink: Sink, columns: Sequence[str], done: Cropped) -> NDArray[np.bool_]:
        """List and count the crops; return of which frames one is missing: bool [frames]."""
        missing = np.zeros(len(self._rows), np.bool_)
        found = 0
        for frame in self._rows.frames():
            crops = self._crops(frame)
            sink.add(_lines(_line(crop, self._rows.video, frame, columns) for crop in crops))
            there = sum(crop.name in self._there for crop in crops)
            missing[frame.place] = there < len(crops)
            found += len(crops)
            done.kept += there
            done.left_out += len(frame.boxes) - len(crops)
            done.frames += bool(crops)
        done.crops += found
        done.videos += found > 0
        return missing

    def write(
        self, missing: NDArray[np.bool_], index: VideoIndex, device: Backend, done: Cropped
    ) -> None:
        """Decode the frames of which a crop is missing, and put what is.

        Raises UsageError where frames are damaged, VideoError where nothing decodes them.
        """
        wanted = np.zeros(len(index.order), np.bool_)
        wanted[self._rows.numbers[missing]] = True
        frames = (frame for frame in self._rows.frames() if missing[frame.place])
        # Where a put fails, what decodes them ends before the device.
        with closing(frames_on(device, index, wanted, Picture.rgb)) as decoded:
            for some in groups(self._made(frames, decoded), _PUT_AT_ONCE):
                self._folder.each(lambda file: self._folder.put(*file), some)
                done.bytes += sum(len(data) for _, data in some)

    def _made(
        self, frames: Iterator[Frame], decoded: Iterator[DecodedFrame[NDArray[np.uint8]]]
    ) -> Iterator[tuple[str, bytes]]:
        for frame, of_video in zip(frames, decoded, strict=True):
            for crop in self._crops(frame):
                if crop.name not in self._there:
                    place = crop.area
                    rows, columns = slice(place.top, place.bottom), slice(place.left, place.right)
                    yield crop.name, _encoded(of_video.made[rows, columns], self._asked.suffix)

    def _crops(self, frame: Frame) -> Sequence[_Crop]:
        """Return the crops of a frame, numbered as its boxes are."""
        video, asked = self._rows.video, self._asked
        stem = f"{PICTURES}/{video.name}/{frame.number:07}"
        areas = (
            (place, box, area(box, video, asked.expand)) for place, box in enumerate(frame.boxes)
        )
        return [
            _Crop(f"{stem}-{place:05}{asked.suffix}", box, of_box)
            for place, box, of_box in areas
            if of_box is not None
        ]


def _encoded(rgb: NDArray[np.uint8], suffix: str) -> bytes:
    """Return a picture as a file: JPEGE takes no odd sides and no small ones, so the host does."""
    if suffix == PNG:
        return png(rgb)
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "jpeg", quality=JPEG_LEVEL)
    return out.getvalue()


def _line(crop: _Crop, video: Video, frame: Frame, columns: Sequence[str]) -> tuple[object, ...]:
    box, place = crop.box, crop.area
    return (
        *(crop.name, video.uri, frame.number, frame.pts, frame.time_s),
        None if frame.time is None else frame.time.isoformat(),
        *(box.label, box.class_id, score_of(box)),
        *(pixels(edge) for edge in (box.x1, box.y1, box.x2, box.y2)),
        *(place.left, place.top, place.width, place.height, box.track),
        *(video.columns.get(name) for name in columns),
    )


def _lines(rows: Iterable[Sequence[object]]) -> Piece:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return Piece(LIST, out.getvalue(), 0)
