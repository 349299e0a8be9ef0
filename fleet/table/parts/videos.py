"""The table `videos/`: one row a video stream, with what is known of it and how far it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from fleet.core.source import Source
from fleet.parquet.arrays import booleans, optional_numbers, strings
from fleet.table.parts.schema import FROM_PATH, TEXT, column, partition_names
from fleet.video.facts import VideoFacts
from fleet.video.stream import StreamInfo

VDEC, HOST, JPEGD = "vdec", "host", "jpegd"
"""What decodes the pictures of a video: the chip, or the host in its place."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRAMES, _PX, _S = "frames", "px", "s"
_TIME = pa.timestamp("us", tz="UTC")


class VideoStatus(StrEnum):
    """How far a video stream is done."""

    DONE = "done"
    """Each frame that is wanted was looked at: it has a row in frames/."""
    LOST_IN_PART = "lost_in_part"
    """Some of them were lost; errors/ says which, and why."""
    LOST = "lost"
    """All of them were."""
    REFUSED = "refused"
    """It is not processed; errors/ says why."""
    UNREAD = "unread"
    """It could not be read, or was replaced while a run read it; the next run tries again."""
    OPEN = "open"
    """Not all of it is done yet."""


VIDEOS = pa.schema(
    [
        column("uri", pa.string(), "", "the video stream, as in every other table"),
        column("etag", pa.string(), "", "which version of the file"),
        column("bytes", pa.int64(), "bytes", "the size of the file"),
        column("status", pa.string(), "", f"how far it is done: {', '.join(VideoStatus)}"),
        column("reason", pa.string(), "", "why it is refused or unread, as a sentence"),
        column("decoded_by", pa.string(), "", "vdec or host; null where nothing decodes it"),
        column("frames_wanted", pa.int64(), _FRAMES, "how many frames the job wants"),
        column("frames_done", pa.int64(), _FRAMES, "how many rows it has in frames/; null if open"),
        column("losses", pa.int64(), "rows", "how many rows it has in errors/"),
        column("container", pa.string(), "", "the kind of file: mp4, avi, matroska, mpegts, ..."),
        column("stream", pa.int32(), "", "which of the file's video streams it is, from 0"),
        column("streams", pa.int32(), "", "how many video streams the file has"),
        column("codec", pa.string(), "", "FFmpeg's name: h264, hevc, vp9, ..."),
        column("profile", pa.string(), "", "the standard's name: High, Main 10, ...; or empty"),
        column("level", pa.string(), "", "such as 4.0; or empty"),
        column("chroma", pa.string(), "", "the chroma format: 4:2:0 and the like"),
        column("bit_depth", pa.int32(), "bits", "of a sample"),
        column("interlaced", pa.bool_(), "", "whether pictures may be coded as two fields"),
        column("width", pa.int32(), _PX, "as a player shows it: upright, with square pixels"),
        column("height", pa.int32(), _PX, "as a player shows it"),
        column("stored_width", pa.int32(), _PX, "as a decoder gives it"),
        column("stored_height", pa.int32(), _PX, "as a decoder gives it"),
        column("rotation_deg", pa.int32(), "degrees", "by how much a player turns it clockwise"),
        column("mirrored", pa.bool_(), "", "whether it has left and right change places before"),
        column("sample_aspect", pa.string(), "", "width to height of a stored pixel: 1:1, 4:3"),
        column("fps", pa.float64(), "frames/s", "by the times of the first and the last frame"),
        column("fps_varies", pa.bool_(), "", "whether steps between frames differ by over 1 ms"),
        column("frames", pa.int64(), _FRAMES, "how many frames it has"),
        column("duration_s", pa.float64(), _S, "from its first frame to the end of its last"),
        column("time_base", pa.string(), _S, "a tick of pts, such as 1/90000"),
        column("start_pts", pa.int64(), "ticks", "the pts of its first frame"),
        column("start_s", pa.float64(), _S, "the same in seconds of the container's clock"),
        column("key_frames", pa.int64(), "packets", "how many packets begin a GOP"),
        column("longest_gop_frames", pa.int64(), _FRAMES, "the longest that no cut divides"),
        column("longest_gop_s", pa.float64(), _S, "the longest that no cut divides"),
        column(
            "open_gops", pa.int64(), "GOPs", "that begin with pictures that need the one before"
        ),
        column("b_frames", pa.bool_(), "", "whether the order of decoding is another than shown"),
        column("colour_matrix", pa.string(), "", "bt601 or bt709"),
        column("colour_range", pa.string(), "", "narrow (luma 16 to 235) or wide (0 to 255)"),
        column("colour_declared", pa.bool_(), "", "whether the file names the matrix"),
        column("clock", pa.string(), "", "container, or how times were mended or made up"),
        column("start_time", _TIME, "", "when the first frame was taken; null where unknown"),
        column("start_clock", pa.string(), "", "what says so"),
    ]
)
"""Its columns; those from `container` on are of VideoFacts, and null where no index is known."""
FACTS = pa.schema([VIDEOS.field(item.name) for item in fields(VideoFacts)])
"""The columns that an index says, in the order of VideoFacts."""
KEPT = pa.schema([VIDEOS.field("decoded_by"), *FACTS])
"""The columns that are found out by looking at a video, and kept from run to run."""


def decoder_of(stream: StreamInfo, *, on_host: bool) -> str:
    """Return what decodes the pictures of a stream, see DescribedVideo."""
    if on_host:
        return HOST
    return VDEC if stream.jpeg is None else JPEGD


@dataclass(frozen=True)
class DescribedVideo:
    """What a run has found out by looking at a video."""

    source: Source
    facts: VideoFacts
    decoded_by: str | None
    """What decodes its pictures, VDEC, JPEGD or HOST; None where it is refused."""


@cache
def videos_schema(pattern: str) -> pa.Schema:
    """Return the columns of an output whose job takes columns from paths by `pattern`.

    A column from the path that has the name of one here is left out.
    """
    taken = [column(name, TEXT, "", FROM_PATH) for name in path_columns(pattern)]
    return pa.schema([*VIDEOS, *taken])


def path_columns(pattern: str) -> list[str]:
    """List the columns that this table takes from paths."""
    return [name for name in partition_names(pattern) if name not in VIDEOS.names]


def kept_columns(described: Sequence[DescribedVideo]) -> pa.Table:
    """Return what was found out as columns, see KEPT."""
    values = {
        "decoded_by": [item.decoded_by for item in described],
        **{name: [getattr(item.facts, name) for item in described] for name in FACTS.names},
    }
    arrays = [array_of(values[field.name], field.type) for field in KEPT]
    return pa.Table.from_arrays(arrays, schema=KEPT)


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Gather values of a column of VIDEOS; null for None."""
    if pa.types.is_string(kind):
        return strings(values)
    if pa.types.is_dictionary(kind):
        return strings(values).dictionary_encode().cast(kind)
    if pa.types.is_boolean(kind):
        valid = [value is not None for value in values]
        return booleans(np.array([bool(value) for value in values], np.bool_), valid)
    if pa.types.is_timestamp(kind):
        tick = timedelta(microseconds=1)
        ticks = [None if value is None else (value - _EPOCH) // tick for value in values]
        return optional_numbers(ticks, np.int64).view(kind)
    return optional_numbers(values, kind.to_pandas_dtype())
