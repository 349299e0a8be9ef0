"""The packs that stand in an output, and the records of the leases that they hold."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from fleet.errors import TornPartError
from fleet.storage import Entry, Folder
from fleet.table.commits.manifest import Manifest
from fleet.table.commits.pack import (
    PackRecord,
    PackRecords,
    pack_of,
    pack_part_name,
    read_pack,
    read_pack_records,
)
from fleet.table.commits.record_rows import names_of
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.state.objects import Objects


@dataclass(frozen=True)
class StandingPacks:
    """Packs, in the order of their names."""

    packs: tuple[PackRecord, ...]
    records: tuple[PackRecords, ...]
    """Of each pack, the records of its leases."""
    superseded: AbstractSet[str]
    """The leases that they hold, and what those were carved out of."""
    lost: tuple[str, ...] = ()
    """Packs that the manifest lists, and of which not all is there."""


def read_packs(folder: Folder, objects: Objects, manifest: Manifest) -> StandingPacks:
    """Return the packs that stand; raises FileNotFoundError where one was replaced meanwhile."""
    if not manifest.number:
        return _without_manifest(folder, objects)
    found = [(name, _whole(folder, objects, name)) for name in sorted(manifest.packs)]
    packs = tuple(pack for _, pack in found if pack is not None)
    records = tuple(read_pack_records(folder, pack) for pack in packs)
    superseded = frozenset[str]().union(*(names_of(each.leases) for each in records))
    return StandingPacks(
        packs, records, superseded, tuple(name for name, pack in found if pack is None)
    )


def _whole(folder: Folder, objects: Objects, name: str) -> PackRecord | None:
    """Read a pack's record; None where not all of its objects are there as they were put."""
    entry = objects.find(f"{FRAMES_TABLE}/{pack_part_name(name)}")
    record = None if entry is None else _read(folder, entry)
    if record is None or not all(
        objects.has(f"{part.table}/{part.name}", part.bytes) for part in record.parts
    ):
        return None
    return record


def _read(folder: Folder, entry: Entry) -> PackRecord | None:
    try:
        return read_pack(folder, entry)
    except TornPartError:
        return None


def _without_manifest(folder: Folder, objects: Objects) -> StandingPacks:
    """Return the packs of version 0.1: those that are whole, and that no other one replaces.

    Of packs of the same leases one stands, that of the most leases: a compaction that was killed
    before it put its manifest may have left another, and the parts that these were made of.
    """
    names = sorted(name for entry in objects.frames if (name := pack_of(entry.name)))
    found = (_whole(folder, objects, name) for name in names)
    packs = [pack for pack in found if pack is not None]
    records = [read_pack_records(folder, pack) for pack in packs]
    replaced = {name for each in records for name in each.replaces}
    left = [
        (pack, each, names_of(each.leases))
        for pack, each in zip(packs, records, strict=True)
        if pack.name not in replaced
    ]
    superseded: set[str] = set()
    standing: list[tuple[PackRecord, PackRecords]] = []
    for pack, each, leases in sorted(left, key=lambda item: (-item[0].leases, item[0].name)):
        if superseded.isdisjoint(leases):
            superseded |= leases
            standing.append((pack, each))
    standing.sort(key=lambda item: item[0].name)
    return StandingPacks(
        tuple(pack for pack, _ in standing), tuple(each for _, each in standing), superseded
    )
