"""`_VIDEOS.parquet`: which videos a job is to cover, and from where to where.

Written by each run when it has looked at all its inputs. With it a video that is done needs no
look at its index, what is left is known from any machine, and coverage can be proved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from reprlib import repr as brief

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.interval import Interval
from fleet.core.interval_set import EVER, DoneIntervals
from fleet.core.json_object import number
from fleet.core.source import Source
from fleet.core.spans import Spans, subtract
from fleet.errors import OutputCorruptError, StorageError
from fleet.parquet.arrays import booleans, escaped, numbers, strings, unescaped
from fleet.parquet.decoding import conform, decode
from fleet.storage import Folder

Seconds = Mapping[tuple[str, str], float]
"""Of each version of a video, (uri, etag): how many seconds a tick of its time base lasts."""
VIDEOS_FILE = "_VIDEOS.parquet"
NOT_LOOKED_AT = "no run has looked at it yet"
"""What stands in the place of why a video could not be read, until a run has looked at it."""
NOT_LISTED = "no run has listed it to its end"
"""What stands there for an input whose videos are not all known, and that has a row for that: who
takes it for a video, as earlier versions do, finds one that is not done."""
_TRIES = 20
_SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("bytes", pa.int64()),
        ("etag", pa.string()),
        ("start_pts", pa.int64()),
        ("end_pts", pa.int64()),
        ("video_s", pa.float64()),
        ("frames", pa.int64()),
        ("refused", pa.bool_()),
        ("unread", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Video:
    """A video that the job is to cover: the frames with start_pts <= pts < end_pts.

    `video_s`: how long it is. `frames`: how many of its frames are wanted. `refused`: it cannot be
    processed; its loss is recorded, and covers it for ever. `unread`: why it could not be read when
    it was last looked at, or NOT_LOOKED_AT, empty otherwise; nothing else is known of it then.
    """

    uri: str
    bytes: int
    etag: str
    start_pts: int = -EVER
    end_pts: int = EVER
    video_s: float = 0.0
    frames: int = 0
    refused: bool = False
    unread: str = ""

    @property
    def interval(self) -> Interval:
        """What is to be covered."""
        return Interval(self.uri, self.etag, self.start_pts, self.end_pts)

    @property
    def is_looked_at(self) -> bool:
        """Whether a run has looked at it, be it in vain."""
        return self.unread != NOT_LOOKED_AT

    @property
    def is_open_input(self) -> bool:
        """Whether it is no video but an input that is not listed to its end."""
        return self.unread == NOT_LISTED

    def is_of(self, source: Source) -> bool:
        """Whether it tells of this very version of a video, of which all is known."""
        same = (self.uri, self.bytes, self.etag) == (source.uri, source.bytes, source.etag)
        return same and not self.refused and not self.unread


@dataclass(frozen=True)
class Wanted:
    """Which videos the job is to cover."""

    videos: Mapping[str, Video]
    """Those that are known, by URI."""
    open_inputs: tuple[str, ...]
    """Inputs that no run has listed to their end; none where these are all videos."""


def read_videos(folder: Folder) -> Mapping[str, Video]:
    """Read which videos the job is to cover, by URI; none before its first run has listed them.

    Raises OutputCorruptError where it cannot be read.
    """
    return read_wanted(folder).videos


def read_wanted(folder: Folder) -> Wanted:
    """Read which videos the job is to cover, and whether these are all; raises as `read_videos`."""
    rows, _ = read_version(folder)
    videos = {uri: video for uri, video in rows.items() if not video.is_open_input}
    return Wanted(videos, tuple(uri for uri in rows if uri not in videos))


def read_version(folder: Folder) -> tuple[dict[str, Video], str | None]:
    """Read all rows by URI, and which version of the object it was; None where there is none."""
    try:
        data, version = folder.read_version(VIDEOS_FILE)
    except FileNotFoundError:
        return {}, None
    try:
        table = conform(decode(data)[0], _SCHEMA)
        columns = [table[name].to_pylist() for name in _SCHEMA.names]
        videos = [Video(unescaped(uri), *rest) for uri, *rest in zip(*columns, strict=True)]
        for video in videos:
            _check(video)
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{VIDEOS_FILE} cannot be read: {error}.",
            "Delete this object and run the same command again: it is written anew.",
        ) from error
    return {video.uri: video for video in videos}, version


def _check(video: Video) -> None:
    """Raise ValueError where a video cannot be as it is told of."""
    has_stretch = -EVER <= video.start_pts < video.end_pts <= EVER
    if not has_stretch or min(video.bytes, video.frames, number(video.video_s)) < 0:
        raise ValueError(f"no video is like this: {brief(video)}")


def write_videos(folder: Folder, videos: Iterable[Video]) -> None:
    """Put which videos the job is to cover, in the place of what stood there."""
    folder.put(VIDEOS_FILE, as_parquet(videos))


def as_parquet(videos: Iterable[Video]) -> bytes:
    """Return the object that tells of videos."""
    ordered = sorted(videos, key=lambda video: video.uri)
    columns = {f.name: [getattr(video, f.name) for video in ordered] for f in fields(Video)}
    columns["uri"] = [escaped(uri) for uri in columns["uri"]]
    arrays = [
        strings(columns[field.name])
        if pa.types.is_string(field.type)
        else booleans(np.array(columns[field.name], np.bool_))
        if pa.types.is_boolean(field.type)
        else numbers(np.array(columns[field.name], field.type.to_pandas_dtype()))
        for field in _SCHEMA
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), sink, compression="zstd")
    return bytes(sink.getvalue())


def keep_videos(
    folder: Folder,
    versions: Collection[tuple[str, str]],
    now: Sequence[Video],
    *,
    joined: bool = False,
    conditional: bool = True,
) -> None:
    """Put which videos the job is to cover: those of this run, and others that have rows.

    `versions`: (uri, etag) of what has rows. `joined`: for a run beside others, of which some
    videos may have no rows yet: all others stay. `conditional`: whether the store keeps the
    conditions of conditional puts; there, several runs that join at once all have theirs kept.
    Raises StorageError where they never end.
    """
    present = {video.uri for video in now}
    for _ in range(_TRIES):
        before, version = read_version(folder)
        others = [
            video
            for video in before.values()
            if video.uri not in present and (joined or (video.uri, video.etag) in versions)
        ]
        wanted = (*now, *others)
        if {video.uri: video for video in wanted} == before:
            return
        if not conditional:
            write_videos(folder, wanted)
            return
        if folder.exchange(VIDEOS_FILE, as_parquet(wanted), version):
            return
    raise StorageError(f"{folder.uri}/{VIDEOS_FILE} changes faster than it can be put.")


def not_listed(uri: str) -> Video:
    """Return the row of an input that is not listed to its end."""
    return Video(uri, 0, "", unread=NOT_LISTED)


def not_looked_at(source: Source) -> Video:
    """Return the row of a video that no run has looked at yet."""
    return Video(source.uri, source.bytes, source.etag, unread=NOT_LOOKED_AT)


def seconds_a_tick(videos: Mapping[str, Video]) -> Seconds:
    """How long a tick of each video's time base lasts, by (uri, etag), as `rewrite` wants it."""
    return {
        (video.uri, video.etag): video.video_s / (video.end_pts - video.start_pts)
        for video in videos.values()
        if not video.refused and not video.unread
    }


def left_of(video: Video, done: DoneIntervals) -> Spans:
    """What of a video is not done: spans of pts."""
    whole = np.array([[video.start_pts, video.end_pts]], np.int64)
    return subtract(whole, done.spans(video.uri, video.etag))
