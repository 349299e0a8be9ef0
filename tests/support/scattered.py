"""Jobs that find boxes by chance: as many and as odd as models find them, the same in each run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from zlib import crc32

import numpy as np
import pyarrow as pa
from generate import Clip, cached

import fleet
from fleet import DETECTIONS, Device, FrameBatch, FrameJob, Rows

LABELS = ("person", "traffic light", 'a "b" <c>&d', "Fußgänger")
PARTITIONS = r"cam(?P<camera>\d+)/(?P<start>\d+T\d+)"
CLIPS = {
    "cam1/20260114T080000.mp4": Clip(frames=24, gop=6),
    "cam2/20260114T080000.mp4": Clip(frames=20, codec="h265", gop=8, gop_kind="open"),
    "cam2/20260114T090000.mov": Clip(container="mov", frames=9, rotation=90, b_frames=0),
}
"""Where in an archive which clip lies."""


@dataclass(frozen=True)
class Scattered(FrameJob):
    """None to four boxes a frame: inside, over the edge, outside, and now and then no numbers."""

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = DETECTIONS

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Return rows that depend on the name of the video and the number of the frame alone."""
        del opened
        found = [
            (picture, *box)
            for picture, frame in enumerate(batch.frames.tolist())
            for box in boxes_of(batch, frame)
        ]
        columns = list(zip(*found, strict=True)) if found else [()] * 7
        picture, class_id, score, *edges = columns
        return Rows(
            np.array(picture, np.int32),
            {
                "label": [LABELS[number] for number in class_id],
                "class_id": np.array(class_id, np.int32),
                "score": np.array(score, np.float32),
                **{
                    name: np.array(edge, np.float32)
                    for name, edge in zip(("x1", "y1", "x2", "y2"), edges, strict=True)
                },
                **self.more(np.array(class_id, np.int64)),
            },
        )

    def more(self, class_id: np.ndarray) -> dict[str, np.ndarray]:
        """Return further columns."""
        del class_id
        return {}


@dataclass(frozen=True)
class Tracked(Scattered):
    """The same, with a number of a track, from 0: that of the class."""

    schema: ClassVar[pa.Schema] = pa.schema([*DETECTIONS, ("track_id", pa.int64())])

    def more(self, class_id: np.ndarray) -> dict[str, np.ndarray]:
        """Return the tracks."""
        return {"track_id": class_id}


def boxes_of(batch: FrameBatch, frame: int) -> list[tuple[float, ...]]:
    """Return the boxes of a frame: class, score, and four edges."""
    chance = np.random.default_rng(crc32(f"{batch.uri.rpartition('/')[2]} {frame}".encode()))
    width, height = batch.size.width, batch.size.height
    found: list[tuple[float, ...]] = []
    for _ in range(int(chance.integers(0, 5))):
        x1, x2 = sorted(chance.uniform(-0.2 * width, 1.2 * width, 2))
        y1, y2 = sorted(chance.uniform(-0.2 * height, 1.2 * height, 2))
        if chance.random() < 0.05:
            x2 = float("nan")
        class_id = int(chance.integers(0, len(LABELS)))
        found.append((class_id, float(chance.uniform(0.1, 1)), x1, y1, x2, y2))
    return found


def archive(folder: Path, clips: Path) -> Path:
    """Put CLIPS into a folder, each encoded once in `clips`; return the folder."""
    for name, clip in CLIPS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cached(clip, clips).read_bytes())
    return folder


def run_over(videos: Path, output: str, work: FrameJob, sample: str = "every=2") -> fleet.RunReport:
    """Run a job over videos in this process, with cameras and times taken from the paths."""
    job = fleet.Job(
        work,
        inputs=[videos],
        output=output,
        sample=sample,
        partitions=PARTITIONS,
        start="%Y%m%dT%H%M%S",
        time_zone="UTC",
    )
    return fleet.run(job, on="inline")
