"""Archives and outputs of any size, made up: their videos have no bytes that can be decoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from indexes import index_of
from made_up import JOB, ORIGIN, builder_of, claimed, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.index_cache.batch import put_batch
from fleet.index_cache.store import MOST_VIDEOS
from fleet.storage import Folder, expand
from fleet.table.state.video_manifest import Video

GOPS = [(0, 49)] * 5
"""The GOPs of a video in an archive."""
LEASES_A_VIDEO = 4
FRAMES = 25
TICKS = 512


def make_archive(place: Path, videos: int) -> None:
    """Make files without content in `in`, and indexes of them in `index`, as a run keeps them."""
    index = index_of(GOPS)
    size = len(index.packets) * 1000
    for number in range(videos):
        camera = place / "in" / f"camera-{number % 100:03}"
        camera.mkdir(parents=True, exist_ok=True)
        with (camera / f"clip-{number:07}.mp4").open("wb") as file:
            file.truncate(size)
    sources = expand([str(place / "in")]).sources
    for first in range(0, len(sources), MOST_VIDEOS):
        some = sources[first : first + MOST_VIDEOS]
        put_batch(Folder(str(place / "index")), [(s, replace(index, source=s)) for s in some])


def make_output(place: Path, parts: int) -> None:
    """Commit so many leases, and close the output."""
    table = table_of(claimed(Folder(str(place))))
    videos = [
        _video(number, min(LEASES_A_VIDEO, parts - number * LEASES_A_VIDEO))
        for number in range(-(-parts // LEASES_A_VIDEO))
    ]
    state = table.begin_epoch({})
    table.keep_videos(state, videos)
    names = LeaseNames(JOB.digest, state.manifest.epoch)
    writer = table.writer(ORIGIN, "npu/0")
    for number in range(parts):
        of = videos[number // LEASES_A_VIDEO]
        frames = range(number % LEASES_A_VIDEO * FRAMES, (number % LEASES_A_VIDEO + 1) * FRAMES)
        interval = Interval(of.uri, of.etag, frames.start * TICKS, frames.stop * TICKS)
        builder = builder_of(of.uri, frames, 2)
        writer.commit(names([interval]), [interval], builder.tables(), builder.tally())
    table.close((), state.manifest.epoch)


def _video(number: int, leases: int) -> Video:
    """Make up a video of so many leases."""
    frames = leases * FRAMES
    uri = f"/archive/camera-{number % 100}/clip-{number:07}.mp4"
    return Video(uri, 1, "v1", 0, frames * TICKS, frames / 25, frames)
