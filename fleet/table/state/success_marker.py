"""Writing `_SUCCESS.json`: everything that was wanted is in the folder.

It is a copy, for people and other tools, of what the last manifest and its records say.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from fleet.core.receipt import PartFile
from fleet.parquet.arrays import booleans, to_bytes
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.commits.record_rows import records_of
from fleet.table.state.state import UNPACKED, TableState
from fleet.table.state.success_file import SUCCESS_FILE


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
    # One line a lease or pack: line tools can read it, and 100,000 leases take 30 MB.
    lines = ",\n".join(json.dumps(line) for line in receipt_lines(state))
    opening = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    folder.put(SUCCESS_FILE, to_bytes(f'{opening},\n "receipts": [\n{lines}\n]}}\n'))


def remove_success(folder: Folder) -> None:
    """Delete the marker, before what it tells of changes."""
    folder.delete(SUCCESS_FILE)


def receipt_lines(state: TableState) -> list[dict[str, object]]:
    """Return what the marker tells of each pack, and of each lease with parts of its own."""
    packs: list[dict[str, object]] = [
        {"pack": pack.name, "leases": pack.leases, "parts": _parts(pack.parts)}
        for pack in state.packs
    ]
    own = state.records.filter(booleans(state.pack_of_lease == UNPACKED))
    receipts = sorted(
        (record.receipt for record in records_of(own)), key=lambda receipt: receipt.lease
    )
    return packs + [
        {
            "lease": receipt.lease,
            "intervals": len(receipt.intervals),
            "parts": _parts(receipt.parts),
        }
        for receipt in receipts
    ]


def _parts(parts: tuple[PartFile, ...]) -> list[list[object]]:
    return [[part.table, part.rows, part.bytes, part.sha256] for part in parts]
