"""Packs: parts that hold the rows of many leases, and the record that makes them real.

A pack is one object a table, `part-pack-<number>-<hash>.parquet`, and the records of its leases,
`_done/pack-<number>-<hash>.parquet`. Its frames part is put last and names the others: with it,
the pack stands, and what it replaces does not, whether it is there still or not.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Self

import pyarrow as pa

from fleet.core.json_object import JsonObject, integer, several, text
from fleet.core.json_text import read_json
from fleet.core.receipt import PartFile
from fleet.errors import OutputCorruptError
from fleet.storage import Entry, Folder
from fleet.table.commits.footer import read_record
from fleet.table.commits.record import (
    frames_part,
    part_file,
    verify_checksum,
    with_checksum,
)
from fleet.table.commits.record_table import from_parquet
from fleet.table.commits.stored_names import pack_name, table_name
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.version import __version__

DONE_FOLDER = "_done"
REPLACES_KEY = "fleet.replaces"
_PACK = re.compile(r"part-pack-([0-9]{6}-[0-9a-f]{16})\.parquet")
_RECORDS = re.compile(r"_done/pack-([0-9]{6}-[0-9a-f]{16})\.parquet")


def pack_part_name(pack: str) -> str:
    """Name the object, in each table's folder, that holds a pack's rows.

    In name order, packs come after the parts of single leases, and newer packs after older ones:
    whoever lists a folder page by page and misses what was replaced comes upon the replacement.
    """
    return f"part-pack-{pack}.parquet"


def pack_of(name: str) -> str | None:
    """Read the pack from the name of one of its objects; None for others."""
    found = _RECORDS.fullmatch(name) or _PACK.fullmatch(name.rpartition("/")[2])
    return found[1] if found else None


def name_pack(number: int) -> str:
    """Name a pack by its turn, as no other one is named.

    A process that was given up for dead may still put packs of the same turn: not over these.
    """
    return f"{number:06}-{uuid.uuid4().hex[:16]}"


def pack_number(pack: str) -> int:
    """Its turn: a pack replaces only packs of lower numbers."""
    return int(pack.partition("-")[0])


@dataclass(frozen=True)
class PackRecord:
    """A pack: how many leases it holds, and its objects, the frames part last.

    As in a lease's record, the sha256 of the frames part is that of the bytes before its footer.
    """

    name: str
    job: str
    leases: int
    parts: tuple[PartFile, ...]

    def to_json(self) -> str:
        """Write it as the frames part carries it."""
        frames = self.parts[-1]
        record = {
            "fleet": __version__,
            "job": self.job,
            "pack": self.name,
            "leases": self.leases,
            "parts": [asdict(part) for part in self.parts[:-1]],
            "frames": {"rows": frames.rows, "sha256_before_footer": frames.sha256},
        }
        return with_checksum(record)

    @classmethod
    def from_json(cls, written: str | bytes, part_bytes: int) -> Self:
        """Read it back from a frames part of `part_bytes` bytes.

        Raises ChecksumMismatchError where it was changed since, ValueError where it is not such a
        record.
        """
        raw = JsonObject.of(verify_checksum(written))
        name, siblings = raw.take("pack", pack_name), raw.take("parts", several(part_file))
        _check_parts(name, siblings)
        part = frames_part(raw.take("frames", JsonObject.of), pack_part_name(name), part_bytes)
        return cls(name, raw.take("job", text), raw.take("leases", integer), (*siblings, part))

    def is_whole(self, sizes: Mapping[str, int]) -> bool:
        """Whether all its objects are there as they were put, given the bytes of each by name."""
        return all(sizes.get(f"{part.table}/{part.name}") == part.bytes for part in self.parts)

    @property
    def objects(self) -> tuple[str, ...]:
        """The names of its objects, the frames part last."""
        return tuple(f"{part.table}/{part.name}" for part in self.parts)


def _check_parts(pack: str, siblings: Sequence[PartFile]) -> None:
    """Raise ValueError where a part is not of that pack, or its leases' records are missing."""
    records = [part.name for part in siblings if part.table == DONE_FOLDER]
    if records != [f"pack-{pack}.parquet"]:
        raise ValueError(f"{records} are not the records of pack {pack}")
    for part in siblings:
        if part.table != DONE_FOLDER:
            table_name(part.table)
            if part.name != pack_part_name(pack):
                raise ValueError(f"{part.name!r} is no part of pack {pack}")


def read_pack(folder: Folder, entry: Entry) -> PackRecord | None:
    """Read the record in the footer of a pack's frames part; None where it is gone by now.

    Raises OutputCorruptError where it holds none, StorageError where it cannot be read.
    """
    return read_record(folder, entry, _parse)


def _parse(text: bytes, entry: Entry) -> PackRecord:
    record = PackRecord.from_json(text, entry.bytes)
    if record.name != pack_of(entry.name):
        raise ValueError(f"it is the record of pack {record.name}")
    return record


@dataclass(frozen=True, eq=False)
class PackRecords:
    """The leases in a pack, a row each; `replaces`: the packs that are superseded by it."""

    leases: pa.Table
    replaces: AbstractSet[str]


def read_pack_records(folder: Folder, pack: PackRecord) -> PackRecords:
    """Read the records of a pack's leases.

    Raises FileNotFoundError where they are gone by now, OutputCorruptError where they are not as
    they were put.
    """
    part = next(part for part in pack.parts if part.table == DONE_FOLDER)
    name = f"{part.table}/{part.name}"
    data = folder.read(name)
    try:
        table, beside = from_parquet(data)
        return PackRecords(table, _replaced(beside))
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{name} does not tell what pack {pack.name} covers: {error!r}.",
            f"Delete {FRAMES_TABLE}/{pack_part_name(pack.name)} and run the same command again: "
            "what the pack covers is done again.",
        ) from error


def _replaced(beside: Mapping[str, str]) -> AbstractSet[str]:
    if REPLACES_KEY not in beside:
        raise ValueError("it does not say which packs it replaces")
    return frozenset(several(pack_name)(read_json(beside[REPLACES_KEY])))
