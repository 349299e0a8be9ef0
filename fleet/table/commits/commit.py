"""Committing a lease, and reading what is committed.

A lease's frames part is put last, when the parts of the other tables are there. It makes them
real: it names them, with their sizes and digests. A table that a lease has no rows for gets no
part. Rows of a lease can be seen in the other tables a moment before it is committed;
`fleet.read` leaves them out, and the sweep removes them where the commit never came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from fleet.core.interval import Interval
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.parquet.encoding import digest, digest_before_footer, encode
from fleet.storage import Entry, Folder
from fleet.table.commits.footer import read_record, read_side_by_side
from fleet.table.commits.record import METADATA_KEY, CommitRecord, Origin, lease_of, part_name
from fleet.table.parts.schema import FRAMES_TABLE


def commit(
    folder: Folder,
    origin: Origin,
    lease: str,
    intervals: Iterable[Interval],
    tables: Mapping[str, pa.Table],
    tally: Tally,
    device: str,
    peak_rss_bytes: int = 0,
) -> Receipt:
    """Put a lease's parts; when this returns, the lease is done.

    `tables`: as PartBuilder.tables gives them, frames last. The same lease committed again writes
    the same rows under the same names. Raises StorageError where the store refuses: then the lease
    may or may not be committed, and is to be done again.
    """
    siblings = _put_siblings(folder, origin, lease, tables)
    frames = tables[FRAMES_TABLE]
    rows_digest = digest_before_footer(encode(frames, {}))
    part = PartFile(FRAMES_TABLE, part_name(lease), frames.num_rows, 0, rows_digest)
    receipt = Receipt(lease, tuple(intervals), (*siblings, part), tally, device, peak_rss_bytes)
    record = CommitRecord(origin, receipt, committed_unix_s=int(time.time()))
    data = encode(frames, {METADATA_KEY: record.to_json()})
    folder.put(f"{FRAMES_TABLE}/{part.name}", data)
    return replace(receipt, parts=(*siblings, replace(part, bytes=len(data))))


def _put_siblings(
    folder: Folder, origin: Origin, lease: str, tables: Mapping[str, pa.Table]
) -> tuple[PartFile, ...]:
    """Put the parts of all tables but frames, at once: a far store answers each in its own time."""

    def put_or_clear(table: str) -> PartFile | None:
        if tables[table].num_rows:
            return _put(folder, table, lease, tables[table], origin)
        _clear(folder, table, lease)
        return None

    others = [table for table in tables if table != FRAMES_TABLE]
    with ThreadPoolExecutor(len(others), thread_name_prefix="commit") as side_by_side:
        return tuple(part for part in side_by_side.map(put_or_clear, others) if part)


def _put(folder: Folder, table: str, lease: str, rows: pa.Table, origin: Origin) -> PartFile:
    data = encode(rows, {METADATA_KEY: json.dumps(origin.to_dict(lease), ensure_ascii=False)})
    part = PartFile(table, part_name(lease), rows.num_rows, len(data), digest(data))
    folder.put(f"{table}/{part.name}", data)
    return part


def _clear(folder: Folder, table: str, lease: str) -> None:
    """Remove what an attempt that did not live to commit may have left: it is not of this one."""
    name = f"{table}/{part_name(lease)}"
    if folder.exists(name):
        folder.delete(name)


def read_commits(folder: Folder, known: Collection[str] = ()) -> Iterator[CommitRecord]:
    """Yield the record of every lease with parts of its own, in name order, but for the `known`.

    Reads footers only, some dozens at a time. A lease that lacks a part which its record names, or
    has it in another size, is not committed and not given. Raises OutputCorruptError, naming the
    part, where a record cannot be read.
    """
    # Frames are listed before the tables that they speak of: what a record names is there by then.
    entries = [entry for entry in folder.list(f"{FRAMES_TABLE}/") if lease_of(entry.name)]
    unknown = [entry for entry in entries if lease_of(entry.name) not in known]
    sizes: dict[str, dict[str, int]] = {}
    for record in read_side_by_side(folder, unknown, read_commit):
        siblings = record.receipt.parts[:-1]
        for table in {part.table for part in siblings} - sizes.keys():
            sizes[table] = {entry.name: entry.bytes for entry in folder.list(f"{table}/")}
        if all(sizes[p.table].get(f"{p.table}/{p.name}") == p.bytes for p in siblings):
            yield record


def read_commit(folder: Folder, entry: Entry) -> CommitRecord | None:
    """Read the record in the footer of one frames part; None where it is gone by now.

    Raises OutputCorruptError where it holds none, StorageError where it cannot be read.
    """
    return read_record(folder, entry, _parse)


def _parse(text: bytes, entry: Entry) -> CommitRecord:
    record = CommitRecord.from_json(text, entry.bytes)
    if record.receipt.lease != lease_of(entry.name):
        raise ValueError(f"it is the record of lease {record.receipt.lease}")
    return record


def done_intervals(receipts: Iterable[Receipt]) -> Iterator[Interval]:
    """Yield what is done, for `fleet.core.interval_set.DoneIntervals`."""
    for receipt in receipts:
        yield from receipt.intervals
