"""Keeping the records of a run's leases together, so that the next run need not read each part."""

from __future__ import annotations

import time
from contextlib import suppress

from fleet.core.run_events import LeaseDone, LeaseQuarantined, LeaseTruncated, Observer, RunEvent
from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.commits.checkpoint import write_checkpoint
from fleet.table.commits.record import CommitRecord, Origin
from fleet.table.commits.record_table import to_table

EVERY = 500
"""Leases a snapshot: after a death of the driver no more footers than that are to be read."""


class RecordKeeper:
    """Watches a run, passes on what it sees, and puts a snapshot now and then."""

    def __init__(self, folder: Folder, origin: Origin, inner: Observer) -> None:
        self._folder = folder
        self._origin = origin
        self._inner = inner
        self._records: list[CommitRecord] = []

    def on_event(self, event: RunEvent) -> None:
        """Take note of what happened just now; see Observer."""
        if isinstance(event, LeaseDone | LeaseTruncated | LeaseQuarantined):
            self._records.append(CommitRecord(self._origin, event.receipt, int(time.time())))
        if len(self._records) >= EVERY:
            records, self._records = self._records, []
            # A snapshot only saves time: the footers tell the same.
            with suppress(StorageError):
                write_checkpoint(self._folder, to_table(records))
        self._inner.on_event(event)
