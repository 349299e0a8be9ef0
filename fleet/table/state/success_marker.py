"""`_SUCCESS.json`: everything that was wanted is in the folder."""

from __future__ import annotations

import json
from dataclasses import asdict

from fleet.core.receipt import PartFile
from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import booleans, to_bytes
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.commits.record_table import records_of
from fleet.table.state.state import UNPACKED, TableState

SUCCESS_FILE = "_SUCCESS.json"


def put_success(folder: Folder, job: JobRecord, state: TableState) -> None:
    """Close the folder: put the totals, and what holds the rows."""
    head = {
        "fleet": job.version,
        "job": job.digest,
        "leases": len(state),
        "totals": asdict(state.total),
        "about_parts": "table, rows, bytes, sha256 (in frames: of the bytes before the footer)",
    }
    # One line a lease or pack: line tools can read it, and 100,000 leases take 30 MB.
    lines = ",\n".join(json.dumps(line) for line in _lines(state))
    opening = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    folder.put(SUCCESS_FILE, to_bytes(f'{opening},\n "receipts": [\n{lines}\n]}}\n'))


def _lines(state: TableState) -> list[dict[str, object]]:
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


def unfinish(folder: Folder) -> None:
    """Open a closed folder again, before work is added."""
    folder.delete(SUCCESS_FILE)


def closed_leases(folder: Folder) -> frozenset[str] | None:
    """Name the leases with parts of their own that a closed folder holds; None where it is open.

    Others there came later, from a worker that was given up for dead, over what these cover: they
    do not count. Raises OutputCorruptError where the record makes no sense.
    """
    try:
        receipts = json.loads(folder.read(SUCCESS_FILE))["receipts"]
        return frozenset(line["lease"] for line in receipts if "lease" in line)
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError) as error:
        raise OutputCorruptError(
            f"{folder.uri}/{SUCCESS_FILE} does not tell what is there: {error!r}.",
            "Delete this object and run the same command again: it closes the folder anew.",
        ) from error


def is_finished(folder: Folder) -> bool:
    """Whether the folder is closed: everything that was wanted is in it."""
    return folder.exists(SUCCESS_FILE)
