"""Runs of other machines on one output, as their records tell of them."""

from __future__ import annotations

import uuid
from dataclasses import replace

from hand_clock import HandClock
from made_up import JOB, claimed, table_of

from fleet.core.interval import Interval
from fleet.core.source import Source
from fleet.driver.peers import (
    PeerWatch,
)
from fleet.plan.lease import Lease, Shard
from fleet.storage import Folder
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import RunRecord, RunRecords


def folder_of() -> Folder:
    """A folder in memory, taken for the job."""
    return claimed(Folder(f"memory://{uuid.uuid4()}"))


def run(folder: Folder, *, state: str = "running", epoch: int = 0, job: str = "") -> RunRecord:
    """Put the record of a run on another machine."""
    holder = Holder.me("fleet run", job or JOB.digest, 0.0)
    away = replace(holder, machine="far", host="far-away", born="1")
    record = RunRecord(away, state, 0.0, epoch=epoch)
    RunRecords(folder).put(record)
    return record


def watch(folder: Folder, me: RunRecord, clock: HandClock) -> PeerWatch:
    """Watch the others."""
    return PeerWatch(table_of(folder, clock=clock), me.id, clock)


def lease(receipt_lease: str, interval: Interval) -> Lease:
    """A lease of one GOP."""
    return Lease(receipt_lease, (Shard(Source("a", 9, "v1"), 0, 1, interval, 5, 0.2, 0.1),))
