"""A worker whose job tells pictures by their digests, and leases over two copies of a clip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from exact import index_of, pixels
from generate import Clip, write

from fleet import FrameJob
from fleet.ascend.surface import frame_of
from fleet.core.frames import FrameBatch, Rows
from fleet.core.interval import LeaseNames
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.shard import DoneIntervals, VideoWork, video_work
from fleet.video.sampling import Sampling
from fleet.worker.spec import WorkerSpec
from fleet.worker.worker import Worker

JOB = "job"
NAMES = LeaseNames(JOB, 1)
GOP, GOPS = 6, 5
TIMEOUT_S = 60


@dataclass(frozen=True)
class Pixels(FrameJob):
    """The digest of each picture; `on_event` is told of each frame's number before that."""

    on_event: Callable[[int], None]

    table: ClassVar[str] = "pixels"
    schema: ClassVar[pa.Schema] = pa.schema([("digest", pa.string())])
    batch: ClassVar[int] = 2

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Look at a batch."""
        del opened
        for frame in batch.frames.tolist():
            self.on_event(frame)
        digests = [pixels(frame_of(picture)) for picture in batch.pictures]
        return Rows(np.arange(len(batch), dtype=np.int32), {"digest": digests})


@contextmanager
def opened(
    output: Path, on_event: Callable[[int], None] = lambda _: None, **told: Any
) -> Iterator[Worker]:
    """Open a worker; `told`: fields of its spec."""
    spec = WorkerSpec(Pixels(on_event), JOB, str(output), "Ascend310", "", {}, {}, **told)
    with closing(Worker(spec, "device", 0)) as worker:
        worker.open()
        yield worker


def lease_of(clip: Clip, folder: Path, sample: str = "all") -> tuple[Lease, dict[str, VideoWork]]:
    """Make one lease of two copies of a clip."""
    works = []
    for name in ("a", "b"):
        index = index_of(write(clip, folder / f"{name}{clip.suffix}"))
        wanted = Sampling.parse(sample).wanted(index)
        works.append(video_work(index, wanted, DoneIntervals([]), CostModel()))
    shards = tuple(work.shard(0, len(work.bounds) - 1) for work in works)
    name = NAMES(shard.interval for shard in shards)
    return Lease(name, shards), {work.source.uri: work for work in works}


def rows(output: Path) -> list[tuple[Any, ...]]:
    """Read what is there, by video and frame."""
    tables = [pq.read_table(part) for part in (output / "pixels").glob("*.parquet")]
    found = [row for table in tables for row in table.to_pylist()]
    return sorted((row["uri"], row["frame"], row["pts"], row["digest"]) for row in found)


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Wait for something that another thread does; fail with `what` where it never comes."""
    paused = threading.Event()
    for _ in range(TIMEOUT_S * 100):
        if is_so():
            return
        paused.wait(0.01)
    raise AssertionError(f"{what}: waited for {TIMEOUT_S} s")
