"""Clearing away what no commit made real, and closing an output folder."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from fleet.errors import OutputCorrupt
from fleet.output.arrays import to_bytes
from fleet.output.commit import read_commits
from fleet.output.record import JobRecord, is_unfinished_put, lease_of
from fleet.output.schema import FRAMES_TABLE
from fleet.plan.lease import Interval
from fleet.storage import Folder
from fleet.worker.receipt import Receipt, Tally

SUCCESS_FILE = "_SUCCESS.json"


class _Covered:
    """Which stretches of which videos have rows already, whatever version they were read from."""

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {}

    def overlaps(self, interval: Interval) -> bool:
        spans = self._spans.get(interval.uri, [])
        at = bisect_left(spans, (interval.end_pts, interval.end_pts))
        return at > 0 and spans[at - 1][1] > interval.start_pts

    def add(self, receipt: Receipt) -> None:
        for interval in receipt.intervals:
            spans = self._spans.setdefault(interval.uri, [])
            span = (interval.start_pts, interval.end_pts)
            spans.insert(bisect_left(spans, span), span)


def sweep(
    folder: Folder,
    job: JobRecord,
    trusted: Iterable[Receipt] = (),
    versions: Mapping[str, str] | None = None,
) -> tuple[Receipt, ...]:
    """Delete every part that no commit makes real; give the receipts of all that stands.

    `trusted`: receipts that stand for sure; other commits are looked up. `versions`: uri -> etag of
    the videos as they are now. Deleted are the parts of leases that were not committed; leases
    that cover what another one covers, which a worker that was given up for dead may commit late;
    and leases over another version of a video in `versions`. Of each, the commit goes first. Not
    for a folder where workers of another run still put parts. Raises OutputCorrupt where a trusted
    lease's parts are gone, or a part is of another job.
    """
    standing = list(trusted)
    listed = _list_parts(folder, job)
    _check_there(folder, standing, listed)
    covered = _Covered()
    for receipt in standing:
        covered.add(receipt)
    for record in read_commits(folder, known={receipt.lease for receipt in standing}):
        receipt = record.receipt
        if record.origin.job != job.digest:
            raise OutputCorrupt(
                f"{folder.uri}/{FRAMES_TABLE}/{receipt.parts[-1].name} is of another job, "
                f"{record.origin.job[:12]}, not {job.digest[:12]}.",
                "Delete this object and run the same command again.",
            )
        stale = any(_is_stale(interval, versions or {}) for interval in receipt.intervals)
        if not stale and not any(map(covered.overlaps, receipt.intervals)):
            standing.append(receipt)
            covered.add(receipt)
    named = {f"{part.table}/{part.name}" for receipt in standing for part in receipt.parts}
    to_go = [name for name in listed if name not in named]
    if to_go:
        # What vouches for the rows must not outlive them.
        unfinish(folder)
    for name in to_go:
        folder.delete(name)
    return tuple(standing)


def _list_parts(folder: Folder, job: JobRecord) -> dict[str, int]:
    """List the sizes of all parts, commits first."""
    return {
        entry.name: entry.bytes
        for table in reversed(job.tables)
        for entry in folder.list(f"{table}/")
        if lease_of(entry.name) or is_unfinished_put(entry.name)
    }


def _check_there(folder: Folder, receipts: Iterable[Receipt], listed: Mapping[str, int]) -> None:
    for receipt in receipts:
        for part in receipt.parts:
            name = f"{part.table}/{part.name}"
            # A twin may have put the frames part again: the same rows, another worker's counts.
            fits = part.table == FRAMES_TABLE or listed.get(name) == part.bytes
            if name not in listed or not fits:
                raise OutputCorrupt(
                    f"{folder.uri}/{name} was committed, but is not there as it was put.",
                    "Run the same command again: what it held is done again.",
                )


def _is_stale(interval: Interval, versions: Mapping[str, str]) -> bool:
    return versions.get(interval.uri, interval.etag) != interval.etag


def finish(folder: Folder, job: JobRecord, receipts: Iterable[Receipt]) -> Tally:
    """Close the folder: sweep it, put `_SUCCESS.json`, and give the totals over all that is there.

    `receipts`: of every lease that the caller knows to be committed, earlier ones included.
    """
    standing = sorted(sweep(folder, job, receipts), key=lambda receipt: receipt.lease)
    total = Tally.total(receipt.tally for receipt in standing)
    head = {
        "fleet": job.version,
        "job": job.digest,
        "leases": len(standing),
        "totals": asdict(total),
        "about_parts": "table, rows, bytes, sha256 (in frames: of the bytes before the footer)",
    }
    # One line a lease: people and line tools can read it, and 100,000 leases take 30 MB.
    lines = ",\n".join(json.dumps(_line(receipt)) for receipt in standing)
    opening = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    folder.put(SUCCESS_FILE, to_bytes(f'{opening},\n "receipts": [\n{lines}\n]}}\n'))
    return total


def _line(receipt: Receipt) -> dict[str, object]:
    parts = [[part.table, part.rows, part.bytes, part.sha256] for part in receipt.parts]
    return {"lease": receipt.lease, "intervals": len(receipt.intervals), "parts": parts}


def unfinish(folder: Folder) -> None:
    """Open a closed folder again, before work is added."""
    folder.delete(SUCCESS_FILE)


def is_finished(folder: Folder) -> bool:
    """Whether the folder is closed: everything that was wanted is in it."""
    return folder.exists(SUCCESS_FILE)
