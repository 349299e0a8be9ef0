"""Gathering the records of a run's leases, so that the next run need not read each part."""

from __future__ import annotations

from threading import Lock

from fleet.clock import Clock
from fleet.core.run_events import LeaseDone, LeaseQuarantined, LeaseTruncated, RunEvent
from fleet.table.commits.record import CommitRecord, Origin
from fleet.table.table import Table

EVERY = 500
"""Leases a checkpoint: after a death of the driver no more footers than that are to be read."""


class Checkpointer:
    """An observer that gathers records; `flush` puts them, from another thread."""

    def __init__(self, table: Table, origin: Origin, clock: Clock) -> None:
        self._table = table
        self._origin = origin
        self._clock = clock
        self._lock = Lock()
        self._records: dict[str, CommitRecord] = {}

    def on_event(self, event: RunEvent) -> None:
        """Gather the record of a lease that was committed; see Observer."""
        if isinstance(event, LeaseDone | LeaseTruncated | LeaseQuarantined):
            now_unix_s = int(self._clock.unix_s())
            with self._lock:
                record = CommitRecord(self._origin, event.receipt, now_unix_s)
                self._records[event.receipt.lease] = record

    def flush(self) -> None:
        """Put a checkpoint where enough is gathered; raises StorageError where that fails.

        It only saves time: the footers tell the same.
        """
        with self._lock:
            if len(self._records) < EVERY:
                return
            records, self._records = list(self._records.values()), {}
        self._table.checkpoint(records)
