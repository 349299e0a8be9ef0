"""A video and what an output has recorded of it, as a picture or as a film."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fleet.core.format import plural
from fleet.index_cache.cache import IndexCache
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.show.clip import annotated, frame_at, frames_between
from fleet.show.detections import RecordedDetections, read_found, recorded_uri
from fleet.show.movie import mp4, png
from fleet.storage import Folder, expand
from fleet.table.state.read import read
from fleet.video.index import VideoIndex


@dataclass(frozen=True)
class Recorded:
    """A video that an output has looked at; `chip`: the one that the job ran on."""

    index: VideoIndex
    found: RecordedDetections
    chip: str


def open_recorded(output: str, uri: str) -> Recorded:
    """Open an output and one of its videos, by its location or by the end of it.

    Raises UsageError where either is not there, and where the video has been replaced since.
    """
    tables = read(output)
    (source,) = expand([recorded_uri(tables, uri)]).sources
    kept = IndexStore(Folder(f"{tables.uri}/{INDEX_FOLDER}"), read_only=True)
    with closing(IndexCache(kept)) as indexes:
        index = indexes.get(source)
    return Recorded(index, read_found(tables, index), str(tables.job.fields["soc"]))


def picture(video: Recorded, at_s: Fraction) -> tuple[bytes, str]:
    """Draw the frame nearest to `at_s` that was looked at: a PNG, and what it shows in words.

    Raises UsageError for a time outside the video.
    """
    index, found = video.index, video.found
    asked = frame_at(index, at_s)
    nearest = found.nearest(asked)
    wanted = np.arange(len(index.order)) == nearest
    ((shown, rgb),) = annotated(index, wanted, found, video.chip)
    why = "" if nearest == asked else f", the nearest to frame {asked} that was looked at"
    boxes = len(found.marks.get(nearest, ()))
    return png(rgb), f"frame {nearest} at {shown.time_s:.3f} s{why}; boxes: {boxes}"


def stretch(video: Recorded, at_s: Fraction, to_s: Fraction) -> tuple[bytes, str]:
    """Draw all frames with at_s <= time < to_s: an MP4, and what it shows in words.

    Raises UsageError for times outside the video, and where there is no frame between them.
    """
    index, found = video.index, video.found
    wanted = frames_between(index, at_s, to_s)
    frames = ((shown.pts, rgb) for shown, rgb in annotated(index, wanted, found, video.chip))
    data = mp4(frames, index.stream.time_base, index.stream.frame_rate or Fraction(25))
    looked = int(wanted[list(found.frames)].sum())
    return data, f"{plural(int(wanted.sum()), 'frame')}, of which {looked:,} were looked at"
