"""Taking an output over for a run: what does not count is left out, and its objects deleted.

Left out are leases that were not committed, rows of another version of a video, and rows over a
stretch that another lease covers. The rest of such a lease stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.errors import JobFailedError, OutputCorruptError, StorageRefusedError
from fleet.storage import Folder
from fleet.table.commits.manifest import Manifest
from fleet.table.commits.record import JobRecord, part_name
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.exchange import Exchange, exchange, packs_in, rewrite_unit
from fleet.table.maintenance.garbage import collect
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.maintenance.selection import changed_leases, kept_of
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.state import TableState
from fleet.table.state.success_marker import remove_success
from fleet.table.state.video_manifest import Seconds


def begin_epoch(
    rewriting: Rewriting,
    versions: Mapping[str, str],
    seconds: Seconds,
    seen: TableState | None = None,
) -> TableState:
    """Take the output over for a run, and return what it holds.

    From then on a lease counts only where it is planned in the new epoch, or was committed by now.
    `versions`: uri -> etag of the videos as they are now; what was made of others goes. `seen`:
    what it held when the caller saw what is left to do. Raises JobFailedError where another epoch
    has begun since, so that more may be left; OutputCorruptError where a part is of another job.
    """
    state = rewriting.state(seen.leases if seen else ())
    check_job(rewriting.folder, rewriting.job, state)
    if seen is not None and state.manifest.epoch != seen.manifest.epoch:
        raise JobFailedError(
            f"{rewriting.folder.uri}: what it holds was changed by {state.manifest.why} meanwhile.",
            "Run the same command again.",
        )
    kept = kept_of(state.covered, versions)
    changed = changed_leases(state.covered, kept, len(state))
    # What vouches for the rows must not outlive them.
    remove_success(rewriting.folder)
    return retain(rewriting, state, kept, changed, seconds)


def retain(
    rewriting: Rewriting,
    state: TableState,
    kept: Covered,
    changed: NDArray[np.int64],
    seconds: Seconds,
) -> TableState:
    """Begin an epoch with what `kept` leaves of the `changed` leases, and all of the others.

    `changed`: rows of `state`. Returns what the output holds then.
    """
    change = _Change.of(state, kept, changed)

    def exchanges() -> Iterator[Exchange]:
        for unit in change.rewritten:
            yield exchange(rewriting.folder, state, np.array(unit), kept, seconds)

    manifest = rewriting.publish(next_manifest(rewriting, state, change.gone), exchanges())
    after = rewriting.state() if len(change.gone) else state.under(manifest)
    collect(rewriting.folder, rewriting.job.tables, after)
    return after


@dataclass(frozen=True)
class _Change:
    """Which units are rewritten, and which rows are no longer held as they are."""

    rewritten: tuple[tuple[int, ...], ...]
    gone: NDArray[np.int64]

    @classmethod
    def of(cls, state: TableState, kept: Covered, changed: NDArray[np.int64]) -> _Change:
        units = {tuple(rewrite_unit(state, int(lease)).tolist()) for lease in changed}
        left = np.zeros(len(state), np.bool_)
        left[kept.lease] = True
        rewritten = tuple(sorted(unit for unit in units if left[list(unit)].any()))
        return cls(rewritten, np.array([row for unit in units for row in unit], np.int64))


def next_manifest(
    rewriting: Rewriting, state: TableState, gone: NDArray[np.int64], *, closed: bool = False
) -> Manifest:
    """Return the manifest of a new epoch, with all that `state` holds but the rows in `gone`."""
    number = state.last_number + 1
    replaced = {state.packs[pack].name for pack in packs_in(state, gone)}
    stay = np.setdiff1d(state.unpacked, gone)
    # A lease that was split covers nothing under its own name.
    stay = np.intersect1d(stay, state.covered.lease)
    return Manifest(
        number=number,
        epoch=number,
        job=rewriting.job.digest,
        packs=tuple(pack.name for pack in state.packs if pack.name not in replaced),
        leases=frozenset(state.leases[row] for row in stay.tolist()),
        closed=closed,
        why=rewriting.what,
    )


def check_job(folder: Folder, job: JobRecord, state: TableState) -> None:
    """Raise OutputCorruptError where a lease is of another job."""
    jobs = state.records["job"]
    if jobs.unique().to_pylist() in ([], [job.digest]):
        return
    row = next(n for n, digest in enumerate(jobs.to_pylist()) if digest != job.digest)
    raise OutputCorruptError(
        f"{folder.uri}/{FRAMES_TABLE}/{part_name(state.leases[row])} is of another job, "
        f"{jobs[row].as_py()[:12]}, not {job.digest[:12]}.",
        "Delete this object and run the same command again.",
    )


def check_unchanged(folder: Folder, state: TableState, versions: Mapping[str, str]) -> None:
    """Raise StorageRefusedError where rows would have to be taken out, in a store that cannot."""
    kept = kept_of(state.covered, versions)
    if len(changed_leases(state.covered, kept, len(state))):
        raise StorageRefusedError(
            f"{folder.uri} holds rows of videos that were replaced since. Its store has no "
            "conditional puts that hold, so rows cannot be taken out of it safely.",
            "Use another --output.",
        )
