"""What a published table names, of which form it ever is: the parts whose rows count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.parquet.arrays import numbers
from fleet.table.commits.record import JobRecord
from fleet.table.commits.record_rows import parts_of
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.state import TableState


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table."""

    path: str
    """Its name, below the table's folder."""
    bytes: int
    rows: int


@dataclass(frozen=True)
class PublishedTable:
    """One table, as it is published now."""

    table: str
    name: str
    """By which it is read: where a Delta table is, what a catalogue calls one of Iceberg's."""
    uri: str
    """Where it is; of one of Iceberg's, where its metadata is now."""
    version: int | None
    """The number of its last version, from 0; of one of Iceberg's, of its current snapshot.

    None where it has no snapshot, as it has had no row yet.
    """
    changed: bool
    """Whether this version was made just now."""
    files: int
    rows: int


def data_files(state: TableState, job: JobRecord) -> dict[str, list[DataFile]]:
    """Return the parts whose rows count, by table."""
    parts = [part for pack in state.packs for part in pack.parts]
    own = state.records.take(numbers(state.unpacked))
    parts += [part for _, of_lease in parts_of(own) for part in of_lease]
    rows = {f"{part.table}/{part.name}": part.rows for part in parts}
    return {
        table: [
            DataFile(entry.name.removeprefix(f"{table}/"), entry.bytes, rows[entry.name])
            for entry in entries
        ]
        for table, entries in state.parts(job.tables).items()
    }


def in_order(tables: Iterable[str]) -> list[str]:
    """Return tables in the order in which they are published.

    The part that commits a lease comes last, and is published first: as in fleet.read, a frame may
    have its rows a moment later than those of others, but never twice.
    """
    return sorted(tables, key=lambda name: name != FRAMES_TABLE)
