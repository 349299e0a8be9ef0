"""A clip of grays, and outputs that say they have looked at a clip and found boxes in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from made_up import JOB, ORIGIN, SCHEMAS, batch_of, detections_of, table_of

from fleet.core.frames import Detections
from fleet.core.interval import Interval, LeaseNames
from fleet.storage import Folder
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS
from fleet.table.state.ownership import claim
from fleet.video.index import VideoIndex

FRAMES = 40
HOSTILE = "<script>alert(1)</script>&\"'"
"""A label that a page must not run."""


def gray_of(frame: int) -> int:
    """Return the gray that a frame shows."""
    return 5 * frame + 20


def write_grays(path: Path) -> Path:
    """Write forty frames at 10 a second, with B-frames; the index lies in front."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        options = {"x264-params": "keyint=12:bframes=2:b-adapt=0"}
        stream = output.add_stream("libx264", rate=Fraction(10), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(FRAMES):
            gray = np.full((240, 320, 3), gray_of(number), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(gray, "rgb24")))
        output.mux(stream.encode(None))
    return path


def detections_output(folder: Folder, **fields: str) -> Folder:
    """Take a folder for a job that finds objects, and that has these fields besides."""
    claim(folder, replace(JOB, fields={**JOB.fields, "soc": "Ascend310", **fields}), SCHEMAS)
    return folder


def record_detections(folder: Folder, index: VideoIndex, frames: Sequence[int]) -> None:
    """Commit that these frames of a video were looked at, and two boxes in each."""
    numbers = np.array(frames, np.int64)
    batch = replace(
        batch_of(index.source.uri, numbers.tolist()),
        pts=index.packets.pts[index.order][numbers],
        time_base=index.stream.time_base,
        start_pts=index.start_pts,
    )
    builder = PartBuilder(JOB.table, DETECTIONS)
    picture = np.repeat(np.arange(len(numbers)), 2).tolist()
    builder.add_batch(batch, detections_of(picture, [n % 3 for n in range(len(picture))]))
    interval = Interval(index.source.uri, index.source.etag, 0, int(index.bounds[-1]))
    table = table_of(folder)
    names = LeaseNames(JOB.digest, table.state().manifest.epoch)
    writer = table.writer(ORIGIN, "npu-0")
    writer.commit(names([interval]), [interval], builder.tables(), builder.tally(), 1000)


def record(
    folder: Folder, index: VideoIndex, found: dict[int, Sequence[tuple[str, float]]]
) -> None:
    """Commit that frames of a video were looked at: frame -> label and score of each box in it."""
    numbers = np.array(sorted(found), np.int64)
    batch = replace(
        batch_of(index.source.uri, numbers.tolist()),
        pts=index.packets.pts[index.order][numbers],
        time_base=index.stream.time_base,
        start_pts=index.start_pts,
    )
    boxes = [(n, *box) for n, frame in enumerate(numbers.tolist()) for box in found[frame]]
    labels = tuple(dict.fromkeys(label for _, label, _ in boxes)) or ("none",)
    builder = PartBuilder(JOB.table, DETECTIONS)
    detections = Detections(
        np.array([picture for picture, _, _ in boxes], np.int32),
        np.tile(np.array([[20, 30, 120, 90]], np.float32), (len(boxes), 1)),
        np.array([score for _, _, score in boxes], np.float32),
        np.array([labels.index(label) for _, label, _ in boxes], np.int32),
        labels,
    )
    builder.add_batch(batch, detections.rows())
    interval = Interval(index.source.uri, index.source.etag, 0, int(index.bounds[-1]))
    table = table_of(folder)
    names = LeaseNames(JOB.digest, table.state().manifest.epoch)
    writer = table.writer(ORIGIN, "npu/0")
    writer.commit(names([interval]), [interval], builder.tables(), builder.tally(), 1000)
