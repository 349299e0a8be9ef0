"""The whole path of a frame, from a lease's bytes to its committed parts.

fetch -> demux -> VDEC -> upright -> batch -> the job (VPC, AIPP, ...) -> rows -> parts -> commit
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
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
from fleet.plan.partial import Stop, leading, may_stop
from fleet.table.parts.builder import PartBuilder
from fleet.video.decode_plan import GopPart
from fleet.worker.decode import DecodeLoss, ShardDecoder
from fleet.worker.fault_injection import Injection
from fleet.worker.job_boundary import run_job
from fleet.worker.liveness import Liveness
from fleet.worker.prefetch import Fetch
from fleet.worker.upright import upright


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

    `opened`: what the job's `open` made. `pulse` beats at every step. Used from one thread.
    """

    def __init__(
        self,
        work: FrameJob[Any],
        device: Backend,
        opened: Any,
        pulse: Liveness,
        injections: Sequence[Injection] = (),
    ) -> None:
        self.frames_done = 0
        self.video_s_done = 0.0
        self.uri = ""
        self.fed = 0
        self.job_errors: list[JobCodeError] = []
        self.refused_batches = Refusals()
        self._work = work
        self._device = device
        self._opened = opened
        self._pulse = pulse
        self._injections = injections

    def run(
        self, order: LeaseOrder, fetch: Fetch, parts: PartBuilder, has_to_stop: Callable[[], bool]
    ) -> Ended:
        """Bring everything that the lease wants into `parts`: rows, or the reason they are lost.

        `has_to_stop` is asked between GOPs; once it says so the lease is ended there. Of a shard
        whose video cannot be read nothing is brought: that says nothing of its frames. Raises
        DeviceLostError where the device is gone, CancelRequestedError once `fetch` is stopped,
        CredentialsRefusedError, which would end every video, and OutputUnwritableError where an
        object of the job's cannot be put.
        """
        unreached: dict[int, FleetError] = {}
        for number, shard in enumerate(order.shards):
            if number and has_to_stop():
                return Ended(Stop(number, 0), unreached)
            self.uri = shard.source.uri
            mark = parts.mark()
            try:
                end = self._run_shard(shard, fetch, parts, has_to_stop) if shard.parts else 0
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

    def _run_shard(
        self,
        shard: ShardOrder,
        fetch: Fetch,
        parts: PartBuilder,
        has_to_stop: Callable[[], bool],
    ) -> int:
        """Run a shard; return the part before which it was ended, 0 where it was not."""
        feed = _Feed(shard, has_to_stop)
        with closing(self._device.open_decoder(shard.stream)) as channel:

            def lose(lost: DecodeLoss) -> None:
                stage = channel.stage if isinstance(lost.error, DeviceError) else "demux"
                _lose(parts, shard, _loss(shard, lost.rows, stage, lost.error))

            packet = partial(self._packet, fetch, shard)
            decoder = ShardDecoder(shard, channel, packet, lose)
            decoded = decoder.pictures(feed.parts())
            pictures = upright(decoded, shard.stream, self._device, lose)
            with closing(batches(shard, pictures, self._work.batch)) as gathered:
                for batch in gathered:
                    try:
                        self._look(shard, batch, parts, channel.decoded_by)
                    finally:
                        for picture in batch.pictures:
                            picture.release()
            self.fed += decoder.fed
        return feed.end

    def _packet(self, fetch: Fetch, shard: ShardOrder, row: int) -> bytes:
        """Give a packet that is decoded next."""
        with self._pulse.waiting_on_storage():
            data = fetch.packet(shard, row)
        for injection in self._injections:
            if (injection.uri, injection.pts) == (shard.source.uri, shard.packets.pts[row]):
                injection.trigger(self._device.device.lose)
        return data

    def _look(
        self, shard: ShardOrder, batch: FrameBatch, parts: PartBuilder, decoded_by: str
    ) -> bool:
        """Let the job look at a batch; a frame that it cannot do with is a loss of that frame.

        Return whether every frame came out.
        """
        try:
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


class _Feed:
    """The parts of a shard, until it has to stop; `end`: the one before which it did, else 0."""

    def __init__(self, shard: ShardOrder, has_to_stop: Callable[[], bool]) -> None:
        self.end = 0
        self._shard = shard
        self._has_to_stop = has_to_stop

    def parts(self) -> Iterator[GopPart]:
        """Yield what is to be fed."""
        for number, part in enumerate(self._shard.parts):
            if self._has_to_stop() and may_stop(self._shard, number):
                self.end = number
                if last := leading(part, self._shard):
                    yield last
                return
            yield part


def batches(shard: ShardOrder, pictures: Iterable[Picture], most: int) -> Generator[FrameBatch]:
    """Gather pictures, in the order they come, into batches of at most `most` of one shape."""
    gathered: list[Picture] = []
    try:
        for picture in pictures:
            if gathered and (len(gathered) == most or _shape(picture) != _shape(gathered[0])):
                full, gathered = gathered, [picture]
                yield _batch(shard, full)
            else:
                gathered.append(picture)
        if gathered:
            last, gathered = gathered, []
            yield _batch(shard, last)
    finally:
        # Only where the way ended early: what was gathered goes nowhere.
        for picture in gathered:
            picture.release()


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
