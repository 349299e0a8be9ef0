"""Objects of an output that do not count, and never will: they may be deleted at any time.

What counts is decided by manifests. An object is garbage only where its name says that it belongs
to what a manifest has left out, or could not be named by any commit any more; that it is missing
from a listing, or torn, is no reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fleet.core.interval import epoch_of
from fleet.storage import Folder
from fleet.table.commits.manifest import supersede
from fleet.table.commits.pack import pack_number, pack_of
from fleet.table.commits.record import lease_of, unfinished_lease_of
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.state import TableState

SWITCHING = "switching-read-again-soon.parquet"
"""In name order it comes after every part, so a listing that has seen both old and new sees it."""


def garbage(state: TableState) -> Iterator[str]:
    """Yield the names of objects that are garbage."""
    counted = set(state.leases)
    lost = set(state.lost)
    for name in state.sizes:
        if name in state.objects:
            continue
        pack, lease = pack_of(name), lease_of(name) or unfinished_lease_of(name)
        if pack:
            is_decided = pack not in lost and pack_number(pack) <= state.manifest.number
        else:
            is_decided = bool(lease) and lease not in lost and _is_decided(state, lease, counted)
        if is_decided:
            yield name


def has_undecided(state: TableState) -> bool:
    """Return whether packs are there that the next manifest would decide on.

    A rewrite that broke off has left them, or puts them now: plain globs see their rows twice.
    """
    packs = filter(None, map(pack_of, state.sizes))
    return any(pack_number(pack) > state.last_number for pack in packs)


def _is_decided(state: TableState, lease: str | None, counted: set[str]) -> bool:
    """Return whether no object of a lease can come to count that does not count now."""
    manifest = state.manifest
    if lease is None or not manifest.number:
        return False
    is_over = manifest.closed or epoch_of(lease) != manifest.epoch
    return lease in counted or lease in state.superseded or is_over


def uncommitted(state: TableState, tables: Sequence[str]) -> Iterator[str]:
    """Yield parts of leases that no commit names, though one may yet."""
    for name in state.sizes:
        lease = lease_of(name) or unfinished_lease_of(name)
        if lease and name not in state.objects and name.partition("/")[0] in tables:
            yield name


def collect(folder: Folder, tables: Sequence[str], state: TableState) -> None:
    """Delete the garbage of an output."""
    delete(folder, garbage(state))
    for table in tables:
        if f"{table}/{SWITCHING}" in state.sizes:
            folder.delete(f"{table}/{SWITCHING}")
    supersede(folder, state.sizes, state.manifest.number)


def delete(folder: Folder, names: Iterable[str]) -> None:
    """Delete objects, commits first: what they name may not be gone while they are there."""
    commits: list[str] = []
    others: list[str] = []
    for name in names:
        (commits if name.startswith(f"{FRAMES_TABLE}/") else others).append(name)
    folder.each(folder.delete, commits)
    folder.each(folder.delete, others)
