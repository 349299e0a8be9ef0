"""The process of one worker: it runs leases, and answers while it does."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock

from fleet.errors import FleetError
from fleet.executors.processes.messages import (
    Answer,
    AskProgress,
    Close,
    NotOpened,
    Open,
    Opened,
    ReadAhead,
    Run,
)
from fleet.executors.processes.parcel import unpack
from fleet.memory_limit import limit_memory
from fleet.plan.order import LeaseOrder
from fleet.scheduler.commands import Cancel, Truncate
from fleet.worker.worker import Worker

RUNS_AT_ONCE = 3
"""Leases in a worker: one that is computed, the next one, fetched, and the last, committed."""
_OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")
_FIRST_TO_GO = "1000"
"""Where memory is spent, the kernel ends a worker, which is replaced, before the driver."""


class Child:
    """A worker and its line to the driver; `serve` returns when it is told to close."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._sending = Lock()

    def serve(self) -> None:
        """Open the device, then do what comes; raises EOFError once the driver is gone."""
        first = self._receive()
        assert isinstance(first, Open)
        try:
            worker = self._open(first)
        except Exception as error:  # noqa: BLE001 - it goes to the driver, which decides
            ours = error if isinstance(error, FleetError) else None
            self._send(NotOpened(f"{type(error).__name__}: {error}", ours))
            return
        self._send(Opened())
        threads = ThreadPoolExecutor(RUNS_AT_ONCE, thread_name_prefix="leases")
        while not isinstance(message := self._receive(), Close):
            match message:
                case Run(order):
                    threads.submit(self._run, worker, order)
                case Cancel(_, lease):
                    worker.cancel(lease)
                case Truncate(_, lease):
                    worker.truncate(lease)
                case ReadAhead(lease):
                    worker.read_ahead(lease)
                case AskProgress():
                    self._send(worker.progress())
        worker.close()

    def _open(self, told: Open) -> Worker:
        sys.path[:] = told.folders
        _use_cores(told.cores)
        spec = unpack(told.parcel)
        limit_memory(spec.memory_bytes)
        worker = Worker(spec, told.device, told.number)
        worker.open()
        return worker

    def _run(self, worker: Worker, order: LeaseOrder) -> None:
        try:
            self._send(Answer(order.lease, worker.run(order)))
        except BaseException:  # noqa: BLE001 - a job that exits, or a line that is broken
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _receive(self) -> object:
        return pickle.loads(self._line.recv_bytes())  # noqa: S301 - of our own driver

    def _send(self, message: object) -> None:
        data = pickle.dumps(message)
        with self._sending:
            self._line.send_bytes(data)


def _use_cores(cores: frozenset[int]) -> None:
    """Have every thread use these cores: libraries have started some as they were loaded."""
    if os.sched_getaffinity(0) != cores:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(int(thread.name), cores)


def _leave_to_driver(*_: object) -> None:
    """Do nothing."""


def main(line: int, lifeline: int) -> None:
    """Serve the driver through inherited file descriptors."""
    # It ends its workers. Programs that a job starts are not to inherit that these are ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave_to_driver)
    for handle in (line, lifeline):
        os.set_inheritable(handle, False)
    with suppress(OSError):  # no /proc, or one that is not to be written to
        _OUT_OF_MEMORY_SCORE.write_text(_FIRST_TO_GO, "ascii")
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        Child(Connection(line)).serve()
    # Threads that fetch or compute are not waited for.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
