"""Composing the table `videos/` of what an output holds, and putting it.

It is put whole when a run has looked at its videos, when one ends, and by `fleet requeue`. What
looking at a video has shown is kept in it from run to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fleet.errors import StorageError
from fleet.parquet.arrays import optional_numbers
from fleet.parquet.encoding import encode
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import columns_from_path
from fleet.table.parts.videos import (
    KEPT,
    DescribedVideo,
    VideoStatus,
    array_of,
    kept_columns,
    path_columns,
    videos_schema,
)
from fleet.table.state.read import VideoLosses, losses_by_video, open_tables
from fleet.table.state.state import TableState, read_state
from fleet.table.state.video_manifest import Video, read_videos
from fleet.table.state.video_table import (
    NUMBER_KEY,
    VIDEOS_OBJECT,
    VideoTable,
    has_video_table,
    known_videos,
    name_of,
)

_TRIES = 20
NONE_UNREAD: Mapping[str, str] = {}


def put_video_table(
    folder: Folder,
    job: JobRecord,
    state: TableState,
    described: Sequence[DescribedVideo] = (),
    *,
    unread: Mapping[str, str] = NONE_UNREAD,
    conditional: bool = True,
) -> None:
    """Put the table of an output that has one, as the output stands.

    `state`: what the output holds, or held: where the table was composed of a later manifest, it is
    read again. `described`: videos that were looked at just now. `unread`: see `composed`.
    `conditional`: whether the store keeps the conditions of conditional puts. Of several that put
    the table at once, each that comes later has seen what the others put. Raises StorageError where
    they never end.
    """
    for _ in range(_TRIES):
        before = known_videos(folder, job)
        if before.version is None and not has_video_table(folder, job):
            return
        if before.number > state.manifest.number:
            state = read_state(folder, job.tables)
        number = state.manifest.number
        rows = composed(folder, job, state, before, described, unread)
        if before.version and before.number == number and rows.equals(before.rows):
            return
        data = encode(rows, {NUMBER_KEY: str(number)})
        if not conditional:
            folder.put(VIDEOS_OBJECT, data)
            return
        if folder.exchange(VIDEOS_OBJECT, data, before.version):
            return
    raise StorageError(
        f"{folder.uri}/{VIDEOS_OBJECT} changes faster than it can be put.", "Try again later."
    )


def composed(
    folder: Folder,
    job: JobRecord,
    state: TableState,
    before: VideoTable,
    described: Sequence[DescribedVideo] = (),
    unread: Mapping[str, str] = NONE_UNREAD,
) -> pa.Table:
    """Return the rows of the table as the output stands.

    `before`: the table that lies there, for what is known of videos. `described`: what is known
    better. `unread`: videos that a run has found unreadable since it looked at them, URI -> why.
    """
    losses: Mapping[str, VideoLosses] = {}
    if state.total.errors:
        losses = losses_by_video(open_tables(folder, job, state).errors)
    videos = sorted(read_videos(folder).values(), key=lambda video: name_of(video.uri))
    done = state.done
    progress = [
        _progress(video, done.has(video.interval), losses.get(name_of(video.uri)), unread)
        for video in videos
    ]
    own: dict[str, Sequence[Any]] = {
        "uri": [name_of(video.uri) for video in videos],
        "etag": [video.etag for video in videos],
        "bytes": [video.bytes for video in videos],
        "status": [str(item.status) for item in progress],
        "reason": [item.reason for item in progress],
        "frames_wanted": [item.wanted for item in progress],
        "frames_done": [item.done for item in progress],
        "losses": [item.losses for item in progress],
    }
    pattern = job.partitions
    paths = [columns_from_path(pattern, video.uri) for video in videos]
    own |= {name: [found[name] for found in paths] for name in path_columns(pattern)}
    kept = _kept(videos, before, described)
    schema = videos_schema(pattern)
    arrays = [
        array_of(own[item.name], item.type) if item.name in own else kept[item.name]
        for item in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


@dataclass(frozen=True)
class _Progress:
    """How far a video is done."""

    status: VideoStatus
    reason: str | None = None
    wanted: int | None = None
    done: int | None = None
    losses: int = 0


def _progress(
    video: Video, is_done: bool, lost: VideoLosses | None, unread: Mapping[str, str]
) -> _Progress:
    count = lost.losses if lost else 0
    if video.unread and video.is_looked_at:
        return _Progress(VideoStatus.UNREAD, video.unread, losses=count)
    if not is_done and video.uri in unread:
        return _Progress(VideoStatus.UNREAD, unread[video.uri], video.frames, losses=count)
    if video.refused:
        return _Progress(VideoStatus.REFUSED, lost.message if lost else None, losses=count)
    if not is_done:
        wanted = video.frames if video.is_looked_at else None
        return _Progress(VideoStatus.OPEN, wanted=wanted, losses=count)
    if lost is None:
        return _Progress(VideoStatus.DONE, None, video.frames, video.frames)
    done = None if lost.frames is None else video.frames - lost.frames
    status = VideoStatus.LOST if done == 0 else VideoStatus.LOST_IN_PART
    return _Progress(status, None, video.frames, done, count)


def _kept(
    videos: Iterable[Video], before: VideoTable, described: Sequence[DescribedVideo]
) -> pa.Table:
    """Return what is known of each video, in the columns of KEPT; null where nothing is."""
    known = len(before.rows)
    places = dict(before.places)
    for place, item in enumerate(described, known):
        places[name_of(item.source.uri), item.source.etag] = place
    everything = before.rows.select(KEPT.names)
    if described:
        everything = pa.concat_tables([everything, kept_columns(described)])
    rows = [places.get((name_of(video.uri), video.etag)) for video in videos]
    return everything.combine_chunks().take(optional_numbers(rows, np.int64))
