"""Reading `_SUCCESS.json`, which says that everything that was wanted is there."""

from __future__ import annotations

from typing import Any

from fleet.core.json_object import JsonObject, items, several
from fleet.errors import OutputCorruptError
from fleet.parquet.arrays import to_bytes
from fleet.storage import Folder
from fleet.table.commits.stored_names import lease_name, pack_name
from fleet.table.state.success_name import SUCCESS_FILE

OPENING = ' "receipts": ['
"""What its list begins with: a line each of all packs and leases."""


def read_success(folder: Folder) -> list[dict[str, Any]] | None:
    """Return what the marker tells of each pack and lease; None where there is no marker.

    Raises OutputCorruptError where it makes no sense.
    """
    try:
        marker = JsonObject.parse(folder.read(SUCCESS_FILE))
        return list(marker.take("receipts", several(_line)))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{SUCCESS_FILE} does not tell what is there: {error!r}.",
            "Delete this object and run the same command again: it closes the folder anew.",
        ) from error


def ends_with(folder: Folder, receipts: bytes) -> bool:
    """Return whether a marker is there that makes sense, and ends with just these receipts.

    They are not parsed for that: as values, those of many leases take ten times their bytes.
    """
    try:
        marker = folder.read(SUCCESS_FILE)
        if not marker.endswith(receipts):
            return False
        head = JsonObject.parse(marker[: -len(receipts)] + to_bytes(f"{OPENING}]}}"))
        return not head.take("receipts", items)
    except (FileNotFoundError, ValueError):
        return False


def _line(value: object) -> dict[str, Any]:
    line = JsonObject.of(value)
    if "lease" in line.values:
        line.take("lease", lease_name)
    else:
        line.take("pack", pack_name)
    return dict(line.values)


def closed_leases(folder: Folder) -> frozenset[str] | None:
    """Return the leases with own parts that version 0.1 closed a folder over; None if it is open.

    Others there came later, from a worker that was given up for dead, over what these cover: they
    do not count.
    """
    told = read_success(folder)
    return None if told is None else frozenset(line["lease"] for line in told if "lease" in line)
