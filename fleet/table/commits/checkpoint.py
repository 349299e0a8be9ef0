"""Snapshots: the commit records of many leases in one object, so that resume reads few.

`_done/parts-<hash>.parquet` holds what stands in the footers of so many frames parts. It is a
copy, never the truth: a lease counts only while its frames part is there, in the size noted. Any
snapshot may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import numpy as np
import pyarrow as pa

from fleet.parquet.arrays import booleans, no_rows
from fleet.storage import Entry, Folder
from fleet.table.commits.pack import DONE_FOLDER
from fleet.table.commits.record_rows import frames_bytes
from fleet.table.commits.record_table import SCHEMA, from_parquet, to_parquet

WORTH_IT = 200
"""Fewer footers than this are read faster than a snapshot is written."""
_SNAPSHOT = re.compile(rf"{DONE_FOLDER}/parts-[0-9a-f]{{32}}\.parquet")


def is_checkpoint(name: str) -> bool:
    """Whether an object is a snapshot."""
    return bool(_SNAPSHOT.fullmatch(name))


def read_checkpoints(
    folder: Folder, listed: Mapping[str, Entry], frames: Mapping[str, int]
) -> pa.Table:
    """Read what snapshots tell of the leases whose frames parts are there, each once.

    `listed`: the folder's objects. `frames`: lease -> bytes of its frames part. A snapshot that
    cannot be read is passed over: the footers tell the same.
    """
    tables = [no_rows(SCHEMA)]
    known: set[str] = set()
    for table in _stored(folder, listed):
        leases, sizes = table["lease"].to_pylist(), frames_bytes(table).tolist()
        fits = [
            frames.get(lease) == size and lease not in known
            for lease, size in zip(leases, sizes, strict=True)
        ]
        tables.append(table if all(fits) else table.filter(booleans(np.array(fits, np.bool_))))
        known.update(tables[-1]["lease"].to_pylist())
    return pa.concat_tables(tables)


def _stored(folder: Folder, listed: Mapping[str, Entry]) -> Iterator[pa.Table]:
    for name in filter(is_checkpoint, listed):
        with suppress(FileNotFoundError, ValueError):
            yield from_parquet(folder.read(name))[0]


def write_checkpoint(folder: Folder, records: pa.Table) -> str:
    """Put a snapshot of leases that have parts of their own, and give its name."""
    leases = "".join(sorted(records["lease"].to_pylist()))
    name = f"{DONE_FOLDER}/parts-{hashlib.sha256(leases.encode()).hexdigest()[:32]}.parquet"
    folder.put(name, to_parquet(records))
    return name


def merge_checkpoints(folder: Folder, records: pa.Table, others: Iterable[str]) -> None:
    """Put one snapshot in the place of others, given by name."""
    new = write_checkpoint(folder, records) if len(records) else ""
    for name in others:
        if name != new:
            folder.delete(name)
