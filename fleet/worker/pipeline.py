"""The whole path of a frame, from a lease's bytes to its committed parts.

fetch -> demux -> VDEC -> batch -> the job (VPC, AIPP, model, ...) -> rows -> parts -> commit
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.device import Device
from fleet.errors import DeviceError
from fleet.frame_job import FrameJob
from fleet.frames import Detections, FrameBatch, Picture
from fleet.output.loss import Loss
from fleet.output.part import PartBuilder
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.worker.decode import Lost, ShardDecoder
from fleet.worker.prefetch import Fetch


class Pipeline:
    """Runs leases on one device; `frames_done` and `video_s_done` tell how far it is.

    `opened`: what the job's `open` made. Used from one thread.
    """

    def __init__(self, work: FrameJob, device: Device, opened: Any) -> None:
        self.frames_done = 0
        self.video_s_done = 0.0
        self.uri = ""
        self.fed = 0
        self._proven = False
        self._work = work
        self._device = device
        self._opened = opened

    def run(self, order: LeaseOrder, fetch: Fetch, parts: PartBuilder) -> None:
        """Bring everything that the lease wants into `parts`: rows, or the reason they are lost."""
        for shard in order.shards:
            self.uri = shard.source.uri
            if shard.parts:
                self._run_shard(shard, fetch, parts)
            self.video_s_done += shard.video_s

    def _run_shard(self, shard: ShardOrder, fetch: Fetch, parts: PartBuilder) -> None:
        def lose(lost: Lost) -> None:
            parts.add_error(_loss(shard, lost.rows, "vdec", lost.error))

        with closing(self._device.open_vdec(shard.stream)) as channel:
            decoder = ShardDecoder(shard, channel, lambda row: fetch.packet(shard, row), lose)
            for batch in batches(shard, decoder.pictures(), self._work.batch):
                try:
                    self._look(shard, batch, parts)
                finally:
                    for picture in batch.pictures:
                        picture.release()
            self.fed += decoder.fed

    def _look(self, shard: ShardOrder, batch: FrameBatch, parts: PartBuilder) -> None:
        """Let the job look at a batch; what it cannot do with it is a loss of these frames only.

        Before a job has done anything at all its errors are raised: then it is the job that is
        wrong, not a frame.
        """
        try:
            found = self._work.run(self._opened, batch)
            rows = found.rows() if isinstance(found, Detections) else found
        except DeviceError as error:
            parts.add_error(_loss(shard, _rows(batch), error.stage, error))
        except Exception as error:
            if not self._proven:
                raise
            parts.add_error(_loss(shard, _rows(batch), "job", error))
        else:
            parts.add_batch(batch, rows)
            self._proven = True
            self.frames_done += len(batch)


def batches(shard: ShardOrder, pictures: Iterable[Picture], most: int) -> Iterator[FrameBatch]:
    """Gather pictures, in the order they come, into batches of at most `most` of one shape."""
    gathered: list[Picture] = []
    for picture in pictures:
        if gathered and (len(gathered) == most or _shape(picture) != _shape(gathered[0])):
            yield _batch(shard, gathered)
            gathered = []
        gathered.append(picture)
    if gathered:
        yield _batch(shard, gathered)


def _shape(picture: Picture) -> tuple[Any, Any]:
    return picture.size, picture.colour


def _batch(shard: ShardOrder, pictures: list[Picture]) -> FrameBatch:
    rows = np.array([picture.row for picture in pictures], np.int64)
    return FrameBatch(
        uri=shard.source.uri,
        pictures=tuple(pictures),
        frames=shard.frames[rows],
        pts=shard.packets.pts[rows],
        time_base=shard.stream.time_base,
        start_pts=shard.start_pts,
    )


def _rows(batch: FrameBatch) -> NDArray[np.int64]:
    return np.array([picture.row for picture in batch.pictures], np.int64)


def _loss(shard: ShardOrder, rows: NDArray[np.int64], stage: str, error: Exception) -> Loss:
    """Describe lost pictures as a row of errors/: the span from the first to the last of them."""
    pts = shard.packets.pts[rows]
    base, start = float(shard.stream.time_base), shard.start_pts
    first, end = int(pts.min()), int(pts.max()) + 1
    return Loss(
        uri=shard.source.uri,
        stage=stage,
        name=getattr(error, "name", type(error).__name__),
        message=str(error) or type(error).__name__,
        code=getattr(error, "code", 0),
        start_pts=first,
        end_pts=end,
        start_s=(first - start) * base,
        end_s=(end - start) * base,
        frames=len(rows),
    )
