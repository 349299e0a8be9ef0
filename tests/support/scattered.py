"""Jobs that find boxes by chance: as many and as odd as models find them, the same in each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import pyarrow as pa
from generate import Clip, cached

import fleet
from fleet import DETECTIONS, INNER_DETECTIONS, Device, FrameBatch, FrameJob, Rows

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

    def more(self, class_id: np.ndarray) -> dict[str, Any]:
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


@dataclass(frozen=True)
class Incomplete(Scattered):
    """The same, with rows that lack a score, a class or an edge, and tracks that are names."""

    schema: ClassVar[pa.Schema] = pa.schema([*DETECTIONS, ("track", pa.string())])

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Return rows some of which lack something, each seventh the same."""
        rows = super().run(opened, batch)
        columns = {name: list(values) for name, values in rows.columns.items()}
        for first, name in enumerate(("score", "class_id", "x1")):
            columns[name][first::7] = [None] * len(columns[name][first::7])
        columns["score"][3::7] = [float("nan")] * len(columns["score"][3::7])
        return Rows(rows.picture, columns)

    def more(self, class_id: np.ndarray) -> dict[str, Any]:
        """Return the tracks."""
        return {"track": [f"T{number}" for number in class_id.tolist()]}


@dataclass(frozen=True)
class Inside(FrameJob):
    """What a second network finds in boxes: a row a box, of which every second one holds nothing."""

    table: ClassVar[str] = "inner_detections"
    schema: ClassVar[pa.Schema] = INNER_DETECTIONS

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Return two boxes a frame, one without an object."""
        del opened
        count = len(batch)
        outer = {"label": "car", "class_id": 0, "score": 0.9, "x1": 1, "y1": 2, "x2": 30, "y2": 40}
        found = {"label": "plate", "class_id": 1, "score": 0.8, "x1": 5, "y1": 6, "x2": 9, "y2": 8}
        columns: dict[str, list[object]] = {f"box_{k}": [v] * 2 * count for k, v in outer.items()}
        columns |= {name: [value, None] * count for name, value in found.items()}
        columns |= {"box": [0, 1] * count, "state": ["found", "nothing"] * count}
        return Rows(np.repeat(np.arange(count), 2).astype(np.int32), columns)


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


def output_over(folder: Path, clips: Sequence[Clip], raw: Path) -> str:
    """Run Scattered over each third frame of clips, one a camera; return the output."""
    for number, clip in enumerate(clips):
        path = folder / "videos" / f"cam{number}" / f"20260114T08000{number}{clip.suffix}"
        path.parent.mkdir(parents=True)
        path.write_bytes(cached(clip, raw).read_bytes())
    output = str(folder / "out")
    assert run_over(folder / "videos", output, Scattered(), sample="every=3").exit_code == 0
    return output


def over_a_replaced_video(folder: Path, raw: Path) -> str:
    """Run Scattered over a video, put another one in its place, and return the output."""
    path = folder / "videos" / "cam1" / "20260114T080000.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(cached(Clip(frames=20, gop=6), raw).read_bytes())
    output = str(folder / "out")
    run_over(folder / "videos", output, Scattered())
    path.write_bytes(cached(Clip(frames=30, vfr=True), raw).read_bytes())
    return output


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
