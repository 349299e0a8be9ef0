"""The whole path of a frame, from a lease's bytes to its committed parts.

fetch -> demux -> VDEC -> upright -> batch -> the job (VPC, AIPP, ...) -> rows -> parts -> commit
`fleet/worker/reading.py` has the first three.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.backend.backend import Backend
from fleet.core.frames import FrameBatch, Picture
from fleet.core.loss import Loss
from fleet.core.receipt import Refusals
from fleet.errors import (
    CredentialsRefusedError,
    DeviceError,
    DeviceLostError,
    FleetError,
    JobCodeError,
    OutputUnwritableError,
    StorageError,
    VideoChangedError,
)
from fleet.job.frame_job import FrameJob
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.plan.partial import Stop
from fleet.plan.read_ahead import pictures_ahead
from fleet.table.parts.builder import PartBuilder
from fleet.worker.ahead import Ahead
from fleet.worker.batches import batches
from fleet.worker.decode import DecodeLoss
from fleet.worker.fault_injection import Injection
from fleet.worker.job_boundary import run_job
from fleet.worker.liveness import Liveness
from fleet.worker.prefetch import CancelRequestedError, Fetch
from fleet.worker.reading import DecodedShard, LeaseEnded, Reading, ShardBegun, Step
from fleet.worker.room import NoRoomAheadError, RoomAhead
from fleet.worker.upright import upright
from fleet.worker.widening import Widening


@dataclass(frozen=True)
class Ended:
    """How a lease ended."""

    stop: Stop | None
    """Where it was ended early."""
    unreached: Mapping[int, FleetError]
    """The shards, from 0, whose videos could not be read, and why."""


class Pipeline:
    """Runs leases on one device; `frames_done` and `video_s_done` tell how far it is.

    `job_errors`: what the job could not do, frame by frame, and `refused_batches`: what it did only
    frame by frame; whoever runs leases empties both.

    `opened`: what the job's `open` made. `pulse` beats at every step. `cores`: with more than one,
    or once a lease is told to read ahead, the next pictures are read and decoded in a thread beside
    the one that calls `run`, in which all else happens; rows are the same. `frames_ahead` counts
    these pictures, but for those of a device of several cores. One lease runs at a time.
    """

    def __init__(
        self,
        work: FrameJob[Any],
        device: Backend,
        opened: Any,
        pulse: Liveness,
        injections: Sequence[Injection] = (),
        cores: int = 1,
    ) -> None:
        self.frames_done = 0
        self.video_s_done = 0.0
        self.uri = ""
        self.fed = self.frames_ahead = 0
        self.job_errors: list[JobCodeError] = []
        self.refused_batches = Refusals()
        self._work = work
        self._device = device
        self._opened = opened
        self._pulse = pulse
        self._injections = injections
        self._cores = cores
        self._room = RoomAhead(device.memory)
        # It has no thread until something is decoded ahead.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="decode")

    def run(
        self,
        order: LeaseOrder,
        fetch: Fetch,
        parts: PartBuilder,
        has_to_stop: Callable[[], bool],
        reads_ahead: Callable[[], bool] = lambda: False,
    ) -> Ended:
        """Bring everything that the lease wants into `parts`: rows, or the reason they are lost.

        `has_to_stop` is asked between GOPs; once it says so the lease is ended there. `reads_ahead`
        is asked between pictures; once it says so the rest is decoded ahead. Of a shard whose video
        cannot be read nothing is brought: that says nothing of its frames. Raises DeviceLostError
        where the device is gone, CancelRequestedError once `fetch` is stopped,
        CredentialsRefusedError, which would end every video, OutputUnwritableError where an object
        of the job's cannot be put, and NoRoomAheadError where the device lacked memory as it was
        told to read ahead: another run brings what the lease comes to. What it raises ends `fetch`
        as well.
        """
        told = self._device, self._pulse, has_to_stop, self._injections
        before = self.frames_done, self.video_s_done, self.fed
        self._room.begin()

        def is_wide() -> bool:
            return self._cores > 1 or (reads_ahead() and not self._room.is_spent)

        read = Widening(Reading(order, fetch, *told).steps(), is_wide, self._ahead)
        with closing(read) as steps:
            try:
                with self._checking_room():
                    ended = self._look_through(order, steps, parts)
            except BaseException as error:
                # The thread that decodes may wait for bytes, which nobody needs any more.
                fetch.stop()
                if isinstance(error, NoRoomAheadError):
                    self.frames_done, self.video_s_done, self.fed = before
                raise
            self.frames_ahead += read.frames_ahead if self._cores == 1 else 0
            return ended

    @contextmanager
    def _checking_room(self) -> Iterator[None]:
        """Raise NoRoomAheadError where what is done, or fails, lacked memory by reading ahead."""
        try:
            yield
        except (CancelRequestedError, DeviceLostError):
            raise
        except Exception:
            self._room.check()
            raise
        self._room.check()

    def _ahead(self, steps: Generator[Step]) -> Ahead:
        waiting = partial(pictures_ahead, self._work.batch)
        if self._cores > 1:
            # A device that has two cores for itself was planned with the memory for both.
            return Ahead(steps, self._threads, waiting)
        self._room.widen()
        return Ahead(steps, self._threads, waiting, self._room.is_left)

    def close(self) -> None:
        """End the thread that decodes, once it has nothing to do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_through(self, order: LeaseOrder, steps: Iterator[Step], parts: PartBuilder) -> Ended:
        unreached: dict[int, FleetError] = {}
        for step in steps:
            if isinstance(step, LeaseEnded):
                return Ended(Stop(step.number, 0), unreached)
            if not isinstance(step, ShardBegun):
                # Of a shard that the job has refused to go on with.
                if isinstance(step, Picture):
                    step.release()
                continue
            number, shard = step.number, order.shards[step.number]
            self.uri = shard.source.uri
            mark = parts.mark()
            try:
                end = self._look_at_shard(shard, step, steps, parts)
            except (CredentialsRefusedError, OutputUnwritableError):
                raise
            except (StorageError, VideoChangedError) as error:
                parts.rewind(mark)
                unreached[number] = error
                if isinstance(error, StorageError):
                    # It was asked long enough; the rest is for another time, or another node.
                    rest = dict.fromkeys(range(number, len(order.shards)), error)
                    return Ended(None, unreached | rest)
                continue
            if end:
                return Ended(Stop(number, end), unreached)
            self.video_s_done += shard.video_s
        return Ended(None, unreached)

    def _look_at_shard(
        self, shard: ShardOrder, begun: ShardBegun, steps: Iterator[Step], parts: PartBuilder
    ) -> int:
        """Look at a shard; return the part before which it was ended, 0 where it was not."""

        def lose(lost: DecodeLoss) -> None:
            stage = begun.stage if isinstance(lost.error, DeviceError) else "demux"
            _lose(parts, shard, _loss(shard, lost.rows, stage, lost.error))

        decoded = DecodedShard(steps, lose)
        pictures = upright(decoded.pictures(), shard.stream, self._device, lose)
        with closing(batches(shard, pictures, self._work.batch)) as gathered:
            for batch in gathered:
                try:
                    self._look(shard, batch, parts, begun.decoded_by)
                finally:
                    for picture in batch.pictures:
                        picture.release()
        self.fed += decoded.ended.fed
        return decoded.ended.end

    def _look(
        self, shard: ShardOrder, batch: FrameBatch, parts: PartBuilder, decoded_by: str
    ) -> bool:
        """Let the job look at a batch; a frame that it cannot do with is a loss of that frame.

        Return whether every frame came out.
        """
        try:
            with self._pulse.looking():
                rows = run_job(self._work, self._opened, batch)
        except DeviceLostError:
            raise
        except (DeviceError, JobCodeError) as error:
            if len(batch) > 1:
                # Which frames share a batch must not matter: the sound ones are to come out.
                came_out = [self._look(shard, one, parts, decoded_by) for one in batch.singly()]
                if all(came_out):
                    # The job is at odds with batches, which costs time and would stay unsaid.
                    self.refused_batches += Refusals(len(batch), str(error))
                return all(came_out)
            if isinstance(error, JobCodeError):
                self.job_errors.append(error)
            _lose(parts, shard, _loss(shard, _rows(batch), error.stage, error))
            return False
        parts.add_batch(batch, rows, shard.video_start, decoded_by)
        self._pulse.tick()
        self.frames_done += len(batch)
        return True


def _rows(batch: FrameBatch) -> NDArray[np.int64]:
    return np.array([picture.row for picture in batch.pictures], np.int64)


def _lose(parts: PartBuilder, shard: ShardOrder, loss: Loss) -> None:
    assert loss.start_pts is not None
    parts.add_error(loss, shard.time_at(loss.start_pts))


def _loss(shard: ShardOrder, rows: NDArray[np.int64], stage: str, error: Exception) -> Loss:
    """Describe lost pictures as a row of errors/: the span from the first to the last of them."""
    pts = shard.packets.pts[rows]
    base, start = float(shard.stream.time_base), shard.start_pts
    first, end = int(pts.min()), int(pts.max()) + 1
    return Loss(
        uri=shard.source.uri,
        stage=stage,
        name=getattr(error, "name", type(error).__name__),
        message=_reason(error),
        code=getattr(error, "code", 0),
        start_pts=first,
        end_pts=end,
        start_s=(first - start) * base,
        end_s=(end - start) * base,
        frames=len(rows),
    )


def _reason(error: Exception) -> str:
    # The way out of a device's refusal is advice for who calls the device, not for who reads rows.
    text = error.message if isinstance(error, FleetError) else str(error)
    return text or type(error).__name__
