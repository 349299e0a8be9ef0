"""Publishing an output: in the form that is asked for, and again in each in which it is already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleet.clock import Clock
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.published import delta, iceberg
from fleet.table.published.catalogue import opened
from fleet.table.published.data_files import PublishedTable
from fleet.table.published.iceberg_record import read_record, record_of


@dataclass(frozen=True)
class AsIceberg:
    """That Iceberg tables are asked for, and where; None for where they are already.

    That is pyiceberg's default catalogue, and the name of the output's folder, the first time.
    """

    catalogue: str | None = None
    """The name of one of pyiceberg's, or the address of one."""
    namespace: str | None = None
    """In which the tables have the names that they have in the output."""


def publish(
    folder: Folder,
    job: JobRecord,
    clock: Clock,
    check: Callable[[], None],
    asked: AsIceberg | None = None,
) -> tuple[PublishedTable, ...]:
    """Publish what an output holds now: as Delta tables, or as those of Iceberg that are asked for.

    `check`: raises JobFailedError where the lock that keeps rewrites away is lost.
    """
    if asked is None:
        return delta.publish(folder, job, clock, check)
    record = record_of(folder, asked.catalogue, asked.namespace)
    return iceberg.publish(folder, job, record, check)


def publish_again(folder: Folder, job: JobRecord, clock: Clock, check: Callable[[], None]) -> None:
    """Publish what an output holds now where it is published already, and nowhere else."""
    delta.publish(folder, job, clock, check, only_again=True)
    record = read_record(folder)
    if record is not None:
        iceberg.publish(folder, job, record, check)


def check_publishable(folder: Folder) -> None:
    """Raise UsageError or StorageError where an output could not be published again just now.

    So that nothing is begun whose end would have to be published.
    """
    record = read_record(folder)
    if record is not None:
        with opened(folder, record):
            pass
