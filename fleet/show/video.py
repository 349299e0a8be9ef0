"""A video and the detections that an output holds of it, as a picture or as a film."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fleet.core.format import plural
from fleet.errors import InputNotFoundError, OutputCorruptError, UsageError
from fleet.index_cache.cache import IndexCache
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.show.clip import annotated, frame_at, frames_between
from fleet.show.detections import RecordedDetections, read_detections, recorded_uri
from fleet.show.movie import mp4, png
from fleet.storage import Folder, expand
from fleet.table.state.ownership import JOB_FILE
from fleet.table.state.read import Tables, read
from fleet.video.index import VideoIndex


@dataclass(frozen=True)
class Recorded:
    """A video that an output has frames of."""

    index: VideoIndex
    detections: RecordedDetections
    chip: str
    """The chip that the job ran on."""


def open_recorded(output: str, uri: str) -> Recorded:
    """Open an output and one of its videos, by the video's location or the end of it.

    The output is only read. Raises UsageError where either is missing, and where the video has been
    replaced since; VideoError where it has no index any more.
    """
    tables = read(output)
    with closing(kept_indexes(tables)) as indexes:
        index = recorded_index(tables, recorded_uri(tables, uri), indexes)
    return Recorded(index, read_detections(tables, index), chip_of(tables))


def kept_indexes(tables: Tables) -> IndexCache:
    """Return a cache of indexes that knows those which an output keeps; the caller closes it."""
    return IndexCache(IndexStore(Folder(f"{tables.uri}/{INDEX_FOLDER}"), read_only=True))


def recorded_index(tables: Tables, uri: str, indexes: IndexCache) -> VideoIndex:
    """Return the index of a video of an output, as its job saw it; the output is only read.

    Raises UsageError and StorageError where the video is gone, VideoError where it has no index any
    more.
    """
    try:
        (source,) = expand([uri]).sources
    except InputNotFoundError as error:
        message = f"{uri}, of which {tables.uri} holds rows, is not there any more."
        raise UsageError(message, "Put it back to where it was.") from error
    index = indexes.get(source)
    if tables.job.fields.get("rotation") == "ignore":
        index = index.as_stored()
    return index


def chip_of(tables: Tables) -> str:
    """Return the chip that a job ran on; raises OutputCorruptError where that is not said."""
    chip = tables.job.fields.get("soc")
    if not isinstance(chip, str):
        raise OutputCorruptError(
            f"{tables.uri}/{JOB_FILE} does not say which chip the job ran on.",
            "Put the object back from a copy.",
        )
    return chip


def picture(video: Recorded, at_s: Fraction) -> tuple[bytes, str]:
    """Draw the processed frame nearest to `at_s`: return a PNG, and a sentence on what it shows.

    Raises UsageError for a time outside the video.
    """
    index, detections = video.index, video.detections
    asked = frame_at(index, at_s)
    nearest = detections.nearest(asked)
    wanted = np.arange(len(index.order)) == nearest
    ((decoded, rgb),) = annotated(index, wanted, detections, video.chip)
    why = "" if nearest == asked else f", the nearest to frame {asked} that was looked at"
    boxes = len(detections.marks.get(nearest, ()))
    return png(rgb), f"frame {nearest} at {decoded.time_s:.3f} s{why}; boxes: {boxes}"


@dataclass(frozen=True)
class Frame:
    """A frame with what was found in it, as a notebook shows it."""

    png: bytes
    """The picture with its boxes, and a caption below it."""
    said: str
    """Which frame it is, and how many boxes it has."""

    def __repr__(self) -> str:
        return f"Frame({self.said})"

    def _repr_png_(self) -> bytes:
        return self.png


def frame(output: str, uri: str, at: float | str | Fraction) -> Frame:
    """Return the processed frame nearest to `at` seconds of a video, as `fleet show` draws it.

    `uri`: the video's location, or the end of it. Raises what `open_recorded` and `picture` raise,
    and UsageError where `at` is no number of seconds.
    """
    try:
        at_s = Fraction(str(at))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{at!r} is no number of seconds.", "Give 12 or 12.5.") from None
    return Frame(*picture(open_recorded(output, uri), at_s))


def stretch(video: Recorded, at_s: Fraction, to_s: Fraction) -> tuple[bytes, str]:
    """Draw all frames with at_s <= time < to_s: return an MP4, and a sentence on what it shows.

    Raises UsageError for times outside the video, and where there is no frame between them.
    """
    index, detections = video.index, video.detections
    wanted = frames_between(index, at_s, to_s)
    with closing(annotated(index, wanted, detections, video.chip)) as drawn:
        frames = ((decoded.pts, rgb) for decoded, rgb in drawn)
        data = mp4(frames, index.stream.time_base, index.stream.frame_rate or Fraction(25))
    processed = int(wanted[list(detections.frames)].sum())
    return data, f"{plural(int(wanted.sum()), 'frame')}, of which {processed:,} were looked at"
