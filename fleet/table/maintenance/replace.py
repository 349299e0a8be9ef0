"""Putting packs in the place of other parts, so that nobody sees a row twice or misses one.

`fleet.read` sees the old parts until the pack's frames part is put, and the pack from then on. A
store cannot exchange several objects at once, so a reader of plain globs (`detections/*.parquet`)
could see both, or neither: while the exchange lasts, an object that is no Parquet file lies last
in each folder, and the reader fails, naming it, instead of reading wrong rows. Whatever is
interrupted here is put right by `recover`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from fleet.core.receipt import PartFile
from fleet.parquet.encoding import digest, digest_before_footer, encode
from fleet.storage import Folder
from fleet.table.commits.pack import (
    DONE_FOLDER,
    REPLACES_KEY,
    PackRecord,
    name_pack,
    pack_number,
    pack_of,
    pack_part_name,
)
from fleet.table.commits.record import METADATA_KEY, JobRecord, lease_of
from fleet.table.commits.record_table import to_parquet
from fleet.table.maintenance.exchange import Exchange
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.lock import LockGuard
from fleet.table.state.state import TableState

SWITCHING = "switching-read-again-soon.parquet"
"""In name order it comes after every part, so a listing that has seen both old and new sees it."""
PAUSE_S = 1.0
"""Longer than the listing of a local folder takes, which is no snapshot of one moment."""
_DELETE_THREADS = 16
_TEXT = b"Parts are being brought together here by Fleet. Read again in some seconds.\n"


def switch(
    folder: Folder,
    job: JobRecord,
    number: int,
    exchanges: Iterable[Exchange],
    guard: LockGuard,
    pause_s: float = PAUSE_S,
) -> int:
    """Carry out exchanges in a folder that was settled; `guard`: of the lock REWRITE.

    `number`: of the first pack, see `next_number`; the next one is given back. `pause_s`: see
    PAUSE_S. Raises JobFailedError where the lock is lost, before anything is deleted.
    """
    _block(folder, job)
    time.sleep(pause_s)
    to_go: list[str] = []
    for exchange in exchanges:
        guard.check()
        if exchange.kept.records.num_rows:
            _put(folder, job, number, exchange)
            number += 1
        to_go += exchange.objects
    time.sleep(pause_s)
    guard.check()
    delete(folder, to_go)
    _unblock(folder, job)
    return number


def next_number(state: TableState) -> int:
    """The number of the next pack in a folder."""
    return 1 + max((pack_number(pack.name) for pack in state.packs), default=0)


def _put(folder: Folder, job: JobRecord, number: int, exchange: Exchange) -> None:
    kept = exchange.kept
    leases = kept.records["lease"].to_pylist()
    name = name_pack(number, leases)
    replaces = json.dumps(sorted(exchange.replaces))
    data = to_parquet(kept.records, {REPLACES_KEY: replaces})
    parts = [_put_object(folder, DONE_FOLDER, f"pack-{name}.parquet", len(leases), data)]
    about = {METADATA_KEY: json.dumps({"fleet": job.version, "job": job.digest, "pack": name})}
    for table, rows in kept.tables.items():
        if rows.num_rows and table != FRAMES_TABLE:
            data = encode(rows, about)
            parts.append(_put_object(folder, table, pack_part_name(name), rows.num_rows, data))
    frames = kept.tables[FRAMES_TABLE]
    rows_digest = digest_before_footer(encode(frames, {}))
    part = PartFile(FRAMES_TABLE, pack_part_name(name), frames.num_rows, 0, rows_digest)
    record = PackRecord(name, job.digest, len(leases), (*parts, part))
    data = encode(frames, {METADATA_KEY: record.to_json()})
    folder.put(f"{FRAMES_TABLE}/{part.name}", data)


def _put_object(folder: Folder, table: str, name: str, rows: int, data: bytes) -> PartFile:
    folder.put(f"{table}/{name}", data)
    return PartFile(table, name, rows, len(data), digest(data))


def delete(folder: Folder, names: Iterable[str]) -> None:
    """Delete objects, commits first: what they name may not be gone while they are there."""
    commits: list[str] = []
    others: list[str] = []
    for name in names:
        (commits if name.startswith(f"{FRAMES_TABLE}/") else others).append(name)
    with ThreadPoolExecutor(_DELETE_THREADS, thread_name_prefix="delete") as threads:
        for batch in (commits, others):
            list(threads.map(folder.delete, batch))


def _block(folder: Folder, job: JobRecord) -> None:
    for table in job.tables:
        folder.put(f"{table}/{SWITCHING}", _TEXT)


def _unblock(folder: Folder, job: JobRecord) -> None:
    for table in job.tables:
        folder.delete(f"{table}/{SWITCHING}")


def orphans(sizes: Mapping[str, int], state: TableState) -> list[str]:
    """Name what an exchange that broke off has left; parts that are not committed are not meant."""
    return [
        name
        for name in sizes
        if name not in state.objects and (pack_of(name) or lease_of(name) in state.superseded)
    ]


def recover(folder: Folder, job: JobRecord, state: TableState) -> None:
    """Put right what an exchange that broke off has left; for the holder of the lock REWRITE."""
    delete(folder, orphans(state.sizes, state))
    if any(name.endswith(f"/{SWITCHING}") for name in state.sizes):
        _unblock(folder, job)
