"""Committing a lease, and reading what is committed.

A lease's frames part is put last, when the parts of the other tables are there. It makes them
real: it names them, with their sizes and digests. It is put only where there is none of its name,
so the first commit of a lease counts, and whoever comes later takes over its receipt. A table that
a lease has no rows for gets no part. Rows of a lease can be seen in the other tables a moment
before it is committed; `fleet.read` leaves them out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pyarrow as pa

from fleet.clock import SYSTEM_CLOCK, Clock
from fleet.core.interval import Interval
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.errors import OutputCorruptError
from fleet.parquet.encoding import digest, digest_before_footer, encode
from fleet.storage import Entry, Folder
from fleet.table.commits.footer import read_record
from fleet.table.commits.record import (
    METADATA_KEY,
    CommitRecord,
    Origin,
    lease_of,
    other_part_name,
    part_name,
)
from fleet.table.parts.schema import FRAMES_TABLE


class Writer:
    """Commits leases of one job to its output, for one device or for the driver itself."""

    def __init__(
        self,
        folder: Folder,
        origin: Origin,
        device: str,
        *,
        conditional: bool,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._folder = folder
        self._origin = origin
        self._device = device
        self._conditional = conditional
        self._clock = clock

    def commit(
        self,
        lease: str,
        intervals: Iterable[Interval],
        tables: Mapping[str, pa.Table],
        tally: Tally,
        peak_rss_bytes: int = 0,
        split_into: int = 0,
    ) -> Receipt:
        """Put a lease's parts; return the receipt of what is committed under its name.

        That is what another attempt has committed where it was first: it may cover less (a prefix
        of the lease) or say that the lease was split. `tables`: as PartBuilder.tables gives them,
        frames last. Raises StorageError where the store refuses: then the lease may or may not be
        committed, and is to be done again; OutputCorruptError where an object without a commit
        record has taken the lease's name.
        """
        siblings = self._put_siblings(lease, tables)
        frames = tables[FRAMES_TABLE]
        rows_digest = digest_before_footer(encode(frames, {}))
        part = PartFile(FRAMES_TABLE, part_name(lease), frames.num_rows, 0, rows_digest)
        receipt = Receipt(
            lease,
            tuple(intervals),
            (*siblings, part),
            tally,
            self._device,
            peak_rss_bytes,
            split_into,
        )
        record = CommitRecord(self._origin, receipt, int(self._clock.unix_s()))
        data = encode(frames, {METADATA_KEY: record.to_json()})
        if self._create(f"{FRAMES_TABLE}/{part.name}", data):
            return replace(receipt, parts=(*siblings, replace(part, bytes=len(data))))
        return self._first(lease)

    def _put_siblings(self, lease: str, tables: Mapping[str, pa.Table]) -> tuple[PartFile, ...]:
        """Put the parts of all tables but frames, at once: a far store takes its time for each."""
        others = [name for name in tables if name != FRAMES_TABLE and tables[name].num_rows]
        return self._folder.each(lambda table: self._put(table, lease, tables[table]), others)

    def _put(self, table: str, lease: str, rows: pa.Table) -> PartFile:
        about = json.dumps(self._origin.to_dict(lease), ensure_ascii=False)
        data = encode(rows, {METADATA_KEY: about})
        sha256 = digest(data)
        usual, other = part_name(lease), other_part_name(lease, sha256)
        # Where a put can hit what another attempt has just put, no two of them share a name.
        for name in (usual, other) if self._conditional else (other,):
            if self._create(f"{table}/{name}", data):
                return PartFile(table, name, rows.num_rows, len(data), sha256)
        raise OutputCorruptError(
            f"{self._folder.uri}/{table}/{name} is not what its name says.",
            "Delete this object and run the same command again.",
        )

    def _create(self, name: str, data: bytes) -> bool:
        """Put an object, or find it there as it would be put; return whether it is so now."""
        if self._conditional:
            return self._folder.create(name, data) is not None
        try:
            return self._folder.read(name) == data
        except FileNotFoundError:
            self._folder.put(name, data)
            return True

    def _first(self, lease: str) -> Receipt:
        """Return the receipt of the attempt that was committed first."""
        name = f"{FRAMES_TABLE}/{part_name(lease)}"
        entry = self._folder.stat(name)
        record = read_commit(self._folder, entry) if entry else None
        if record is None:
            raise OutputCorruptError(
                f"{self._folder.uri}/{name} was there, and is gone.",
                "Leave the objects of an output alone while a run is at work on it.",
            )
        return record.receipt


def read_commit(folder: Folder, entry: Entry) -> CommitRecord | None:
    """Return the record in the footer of one frames part; None where it is gone by now.

    Raises OutputCorruptError where it holds none, StorageError where it cannot be read.
    """
    return read_record(folder, entry, _parse)


def _parse(text: bytes, entry: Entry) -> CommitRecord:
    record = CommitRecord.from_json(text, entry.bytes)
    if record.receipt.lease != lease_of(entry.name):
        raise ValueError(f"it is the record of lease {record.receipt.lease}")
    return record
