"""What runs beside one device: a plain class; under Ray it lives in an actor of its own."""

from __future__ import annotations

import os
import resource
import socket
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from fleet.core.fault import FETCH_STAGE, WORKER_STAGE, Fault
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Refusals, Tally
from fleet.errors import (
    ArchivedError,
    CredentialsRefusedError,
    DeviceLostError,
    FleetError,
    JobCodeError,
    OutputUnwritableError,
    StorageError,
    UsageError,
    VideoChangedError,
)
from fleet.parquet.arrays import strings
from fleet.plan.order import LeaseOrder
from fleet.plan.partial import done_of
from fleet.storage import Folder
from fleet.storage.error_mapping import unwritable
from fleet.table.commits.commit import Writer
from fleet.table.commits.object_writer import ObjectWriter
from fleet.table.commits.record import Origin
from fleet.table.commits.uncommitted import LeaseWriter, Uncommitted
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.objects import object_name
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.worker.job_boundary import job_device, open_job
from fleet.worker.liveness import Liveness
from fleet.worker.outcome import Cancelled, Gone, Outcome, Partial
from fleet.worker.pipeline import Pipeline
from fleet.worker.prefetch import CancelRequestedError, FetchPool
from fleet.worker.room import NoRoomAheadError
from fleet.worker.spec import WorkerSpec
from fleet.worker.task_queue import Task, TaskQueue

_OBJECTS_AT_ONCE = 16
_HOST = strings(["host"])[0]


@dataclass(frozen=True, eq=False)
class _Computed:
    """A lease, or a prefix of one, ready to be committed."""

    order: LeaseOrder
    tables: Mapping[str, pa.Table]
    tally: Tally
    objects: ObjectWriter
    """The objects that its rows name, put or on their way."""
    host_frames: int
    """Of its frames, those that the host decoded."""
    frames_ahead: int
    """Of its frames, those that a core to spare decoded ahead of the job."""
    refused_batches: Refusals
    """What the job did of it only frame by frame."""
    fault: Fault | None
    """Why some of the lease is not in it, None where it was told to end early or all is."""


class Worker:
    """One device and what the job keeps on it, from lease to lease.

    `run` may be called from several threads at once: leases are computed one after the other, in
    the order of the calls; meanwhile the next one's bytes are fetched and the last one is
    committed. `cancel`, `truncate`, `read_ahead` and `progress` may be called at any time.
    """

    def __init__(self, spec: WorkerSpec, name: str, ordinal: int) -> None:
        self._spec = spec
        self._name = name
        self._ordinal = ordinal
        self._readers = FetchPool()
        self._line = TaskQueue()
        self._pulse = Liveness()
        self._ends = ExitStack()
        """What is open, which may be only some of it where opening has failed."""

    def open(self) -> Progress:
        """Open the device and let the job load what it keeps there; raises what they raise."""
        spec = self._spec
        self._folder = Folder(spec.output)
        self._writer = self._new_writer()
        how = self._ordinal, spec.providers, spec.heads
        self._device = job_device(spec.soc, spec.files, spec.without, *how)
        self._ends.callback(self._device.close)
        self._putting = ThreadPoolExecutor(_OBJECTS_AT_ONCE, thread_name_prefix="objects")
        self._ends.callback(self._putting.shutdown, wait=False, cancel_futures=True)
        opened = open_job(spec.work, self._device.device)
        told = self._pulse, spec.injections, spec.cores
        self._pipeline = Pipeline(spec.work, self._device, opened, *told)
        self._ends.callback(self._pipeline.close)
        return self.progress()

    def _new_writer(self) -> LeaseWriter:
        spec = self._spec
        if spec.only_objects is not None:
            return Uncommitted(self._name)
        origin = Origin(spec.job_digest, spec.soc, spec.models)
        return Writer(self._folder, origin, self._name, conditional=spec.conditional)

    def run(self, order: LeaseOrder) -> Outcome:
        """Do a lease and commit it, or say why not; nothing is raised across processes."""
        task = Task(order, self._readers)
        self._line.join(task)
        try:
            return self._run(task)
        except CancelRequestedError:
            return Cancelled(order.lease, task.wall_s)
        except DeviceLostError as error:
            return Gone(error.code, str(error))
        except FleetError as error:
            return _fault(error)
        except MemoryError:
            message = "It takes more memory than a worker may have."
            return Fault(WORKER_STAGE, 0, "MemoryError", message, retryable=True)
        except Exception as error:  # noqa: BLE001 - one lease must not end all others
            name, detail = type(error).__name__, traceback.format_exc()
            return Fault(WORKER_STAGE, 0, name, f"{name}: {error}", retryable=True, detail=detail)
        finally:
            self._line.leave(task)

    def cancel(self, lease: str) -> None:
        """Have a lease put down; where it is being committed, it is too late."""
        self._line.tell(lease, "cancel")

    def truncate(self, lease: str) -> None:
        """Have a lease end after the GOP in hand; its prefix is committed under its name."""
        self._line.tell(lease, "truncate")

    def read_ahead(self, lease: str) -> None:
        """Have a lease decoded by a thread of its own from here on, as a core is there for it."""
        self._line.tell(lease, "read ahead")

    def _run(self, task: Task) -> Receipt | Partial:
        self._line.begin(task)
        try:
            computed = self._compute(task)
        except NoRoomAheadError:
            # The device lacked memory by what was decoded ahead: nothing is from here on.
            task.fetch_again()
            computed = self._compute(task)
        with self._pulse.waiting_on_storage():
            # What is waited for is that the lease before is committed.
            self._line.commit(task)
        receipt = self._commit(computed)
        self._pulse.tick()
        return Partial(receipt, computed.fault) if computed.fault else receipt

    def _compute(self, task: Task) -> _Computed:
        spec, order = self._spec, task.order
        clock = self._device.clock
        before, bytes_before, fed_before = clock.snapshot(), self._readers.bytes_read, self._fed
        ahead_before = self._pipeline.frames_ahead
        objects, work = ObjectWriter(self._folder, self._putting), spec.work
        name = spec.only_objects or object_name
        parts = PartBuilder(
            work.table, work.columns(), spec.partitions, spec.without, objects.put, name
        )
        self._pipeline.job_errors.clear()
        self._pipeline.refused_batches = Refusals()
        asked = (lambda: task.truncated), (lambda: task.reads_ahead)
        ended = self._pipeline.run(order, task.fetch, parts, *asked)
        if self._pipeline.job_errors and not parts.tally().frames:
            # Not one frame: more likely the job is wrong than all of them; the driver knows more.
            raise self._pipeline.job_errors[0]
        done = done_of(order, ended.stop, ended.unreached.keys())
        error = next(iter(ended.unreached.values()), None)
        if error is not None and not done.shards:
            raise error
        with clock.stage("output"):
            tables = parts.tables()
        spent = clock.snapshot().since(before)
        tally = replace(
            parts.tally(),
            video_s=done.video_s,
            bytes_read=self._readers.bytes_read - bytes_before,
            fetched=sum(len(part.rows) for shard in done.shards for part in shard.parts),
            fed=self._fed - fed_before,
            wall_s=task.wall_s,
            host_s=spent.host_s,
            chip_s=spent.chip_s,
        )
        on_host = _host_frames(tables[FRAMES_TABLE])
        fault = _fault(error) if error else None
        refused = self._pipeline.refused_batches
        ahead = self._pipeline.frames_ahead - ahead_before
        return _Computed(done, tables, tally, objects, on_host, ahead, refused, fault)

    def _commit(self, computed: _Computed) -> Receipt:
        order = computed.order
        peak_rss_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        # What rows name is there before the rows count.
        computed.objects.settle()
        try:
            receipt = self._writer.commit(
                order.lease, order.intervals, computed.tables, computed.tally, peak_rss_bytes
            )
            # Another attempt may have committed less.
            frames = receipt.tally.frames
            return replace(
                receipt,
                host_frames=min(computed.host_frames, frames),
                frames_ahead=min(computed.frames_ahead, frames),
                refused_batches=computed.refused_batches,
            )
        except CredentialsRefusedError:
            raise
        except StorageError as error:
            raise unwritable(error) from error

    @property
    def _fed(self) -> int:
        return self._pipeline.fed

    def progress(self) -> Progress:
        """Tell how far it is."""
        pipeline = self._pipeline
        computing, committing = self._line.computing, self._line.committing
        return Progress(
            self._name,
            computing or committing,
            pipeline.uri,
            pipeline.frames_done,
            pipeline.video_s_done,
            socket.gethostname(),
            os.getpid(),
            self._pulse.beats,
            self._pulse.waiting if computing else bool(committing),
            self._device.memory.used_bytes,
            self._device.memory.peak_bytes,
        )

    def close(self) -> None:
        """Close the device; whatever is not committed is not done."""
        self._readers.close()
        self._ends.close()


def _host_frames(frames: pa.Table) -> int:
    """Return how many rows of frames say that the host decoded them; 0 where none says it."""
    if "decoded_by" not in frames.column_names:
        return 0
    by_host = pc.equal(frames.column("decoded_by").cast(pa.string()), _HOST)
    return int(pc.sum(by_host).as_py() or 0)


def _fault(error: FleetError) -> Fault:
    """Describe an error; that an input could not be read says nothing of the input."""
    if isinstance(error, VideoChangedError | StorageError) and not isinstance(
        error, ArchivedError | CredentialsRefusedError | OutputUnwritableError
    ):
        return Fault(FETCH_STAGE, 0, error.name, str(error), retryable=True)
    if isinstance(error, JobCodeError):
        detail = error.trace
    else:
        # Of what a job asks or returns against the rules, the sentence says everything.
        detail = "" if isinstance(error, UsageError) else traceback.format_exc()
    return Fault(error.stage, error.code, error.name, str(error), error.retryable, detail)
