"""Writing `_SUCCESS.json`: everything that was wanted is in the folder.

It is a copy, for people and other tools, of what the last manifest and its records say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from fleet.core.receipt import PartFile
from fleet.parquet.arrays import as_numpy, booleans, in_one, to_bytes
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.commits.record_rows import parts_of
from fleet.table.state.state import UNPACKED, TableState
from fleet.table.state.success_file import OPENING, ends_with, read_success
from fleet.table.state.success_name import SUCCESS_FILE


def put_success(folder: Folder, job: JobRecord, state: TableState) -> None:
    """Put the totals, and what holds the rows."""
    head = {
        "fleet": job.version,
        "job": job.digest,
        "manifest": state.manifest.number,
        "leases": len(state),
        "totals": asdict(state.total),
        "about_parts": "table, rows, bytes, sha256 (in frames: of the bytes before the footer)",
    }
    opening = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    folder.put(SUCCESS_FILE, to_bytes(f"{opening},\n{receipts_text(state)}"))


def remove_success(folder: Folder) -> None:
    """Delete the marker, before what it tells of changes."""
    folder.delete(SUCCESS_FILE)


def receipts_text(state: TableState) -> str:
    """Return how the marker ends: what it tells of all packs and leases."""
    # One line a lease or pack: line tools can read it, and 100,000 leases take 30 MB.
    lines = ",\n".join(receipt_lines(state))
    return f"{OPENING}\n{lines}\n]}}\n"


def receipt_lines(state: TableState) -> Iterator[str]:
    """Yield what the marker tells of each pack, and of each lease with parts of its own: JSON."""
    for pack in state.packs:
        line = {"pack": pack.name, "leases": pack.leases, "parts": _parts(pack.parts)}
        yield json.dumps(line)
    own = state.records.filter(booleans(state.pack_of_lease == UNPACKED)).sort_by("lease")
    intervals = as_numpy(in_one(own["intervals"]).value_lengths()).tolist()
    for (lease, parts), count in zip(parts_of(own), intervals, strict=True):
        yield json.dumps({"lease": lease, "intervals": count, "parts": _parts(parts)})


def vouched_otherwise(folder: Folder, state: TableState) -> list[str] | None:
    """Name the packs and leases that the marker tells of as they are not; None without a marker.

    Raises OutputCorruptError where it makes no sense.
    """
    if ends_with(folder, to_bytes(receipts_text(state))):
        return []
    told = read_success(folder)
    if told is None:
        return None
    there = set(receipt_lines(state))
    return [
        str(line.get("lease") or line.get("pack")) for line in told if json.dumps(line) not in there
    ]


def _parts(parts: tuple[PartFile, ...]) -> list[list[object]]:
    return [[part.table, part.rows, part.bytes, part.sha256] for part in parts]
