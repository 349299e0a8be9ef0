"""What runs beside one device: a plain class; under Ray it lives in an actor of its own."""

from __future__ import annotations

import os
import resource
import socket
import time
import traceback
from dataclasses import replace
from threading import Lock

from fleet.ascend.device import Device
from fleet.ascend.soc import soc
from fleet.errors import FleetError
from fleet.output.commit import commit
from fleet.output.part import PartBuilder
from fleet.output.record import Origin
from fleet.plan.order import LeaseOrder
from fleet.storage import Folder, read_file
from fleet.worker.fault import WORKER_STAGE, Fault
from fleet.worker.job_edge import open_job
from fleet.worker.pipeline import Pipeline
from fleet.worker.prefetch import Fetch, Readers
from fleet.worker.pulse import Pulse
from fleet.worker.receipt import Receipt
from fleet.worker.spec import Progress, WorkerSpec


class Worker:
    """One device and what the job keeps on it, from lease to lease.

    `run` is called from one thread; `prefetch` and `progress` may be called meanwhile.
    """

    def __init__(self, spec: WorkerSpec, name: str, ordinal: int) -> None:
        self._spec = spec
        self._name = name
        self._ordinal = ordinal
        self._readers = Readers()
        self._ahead: dict[str, Fetch] = {}
        self._lease = ""
        self._latest = ""
        self._turn = Lock()
        self._pulse = Pulse()

    def open(self) -> Progress:
        """Open the device and let the job load what it keeps there; raises what they raise."""
        spec = self._spec
        self._folder = Folder(spec.output)
        self._device = Device(soc(spec.soc), self._ordinal, self._read_file)
        opened = open_job(spec.work, self._device)
        self._pipeline = Pipeline(spec.work, self._device, opened, self._pulse, spec.injections)
        return self.progress()

    def _read_file(self, name: str) -> bytes:
        carried = self._spec.files.get(name)
        return read_file(name) if carried is None else carried

    def prefetch(self, order: LeaseOrder) -> None:
        """Begin to fetch the lease that is to be run next."""
        with self._turn:
            # Calls of two kinds may overtake each other: it may run already.
            if order.lease != self._latest:
                self._ahead[order.lease] = Fetch(order, self._readers)

    def run(self, order: LeaseOrder) -> Receipt | Fault:
        """Do a lease and commit it, or say why not; nothing is raised across processes."""
        with self._turn:
            self._lease = self._latest = order.lease
            fetch = self._ahead.pop(order.lease, None) or Fetch(order, self._readers)
        try:
            return self._run(order, fetch)
        except FleetError as error:
            name = getattr(error, "name", type(error).__name__)
            detail = traceback.format_exc()
            return Fault(error.stage, error.code, name, str(error), error.retryable, detail)
        except MemoryError:
            message = "It takes more memory than a worker may have."
            return Fault(WORKER_STAGE, 0, "MemoryError", message, retryable=True)
        except Exception as error:  # noqa: BLE001 - one lease must not end all others
            name, detail = type(error).__name__, traceback.format_exc()
            return Fault(WORKER_STAGE, 0, name, f"{name}: {error}", retryable=True, detail=detail)
        finally:
            fetch.close()
            self._lease = ""

    def _run(self, order: LeaseOrder, fetch: Fetch) -> Receipt:
        spec = self._spec
        clock, started = self._device.clock, time.monotonic()
        before, bytes_before, fed_before = clock.snapshot(), self._readers.bytes_read, self._fed
        parts = PartBuilder(spec.work.table, spec.work.schema, spec.partitions)
        self._pipeline.job_errors.clear()
        self._pipeline.run(order, fetch, parts)
        if self._pipeline.job_errors and not parts.tally().frames:
            # Not one frame: more likely the job is wrong than all of them; the driver knows more.
            raise self._pipeline.job_errors[0]
        with clock.stage("output"):
            tables = parts.tables()
        spent = clock.snapshot().since(before)
        tally = replace(
            parts.tally(),
            video_s=order.video_s,
            bytes_read=self._readers.bytes_read - bytes_before,
            fetched=sum(len(shard.packets) for shard in order.shards),
            fed=self._fed - fed_before,
            wall_s=time.monotonic() - started,
            host_s=spent.host_s,
            chip_s=spent.chip_s,
        )
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        origin = Origin(spec.job_digest, spec.soc, spec.models)
        with self._pulse.store():
            return commit(
                self._folder,
                origin,
                order.lease,
                order.intervals,
                tables,
                tally,
                self._name,
                peak_bytes,
            )

    @property
    def _fed(self) -> int:
        return self._pipeline.fed

    def progress(self) -> Progress:
        """Tell how far it is."""
        pipeline = self._pipeline
        return Progress(
            self._name,
            self._lease,
            pipeline.uri,
            pipeline.frames_done,
            pipeline.video_s_done,
            socket.gethostname(),
            os.getpid(),
            self._pulse.beats,
            self._pulse.waiting,
        )

    def close(self) -> None:
        """Close the device; whatever is not committed is not done."""
        self._readers.close()
        self._device.close()
