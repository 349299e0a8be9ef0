"""Reading the objects of an output without the code of the product: JSON and Parquet, as documented.

Frames of a video are the bits of a number: bit n is frame n.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from archive import TICKS

_COLUMNS = ("lease", "was", "intervals", "uri", "etag", "start_pts", "end_pts")
_TOLD = ("uri", "frame")
ALL_FRAMES = (1 << 64) - 1


@dataclass(frozen=True)
class Loss:
    """A row of errors/."""

    uri: str
    frames: int
    """As bits; of a whole video all of them."""
    name: str
    """The error's."""


@dataclass(frozen=True)
class Parsed:
    """What an object says."""

    size: int
    sha256: str
    record: Mapping[str, Any] = field(default_factory=dict)
    """Of a manifest or marker all of it; of a part what its footer says. Empty where it is torn."""
    rows_sha256: str = ""
    """Of a Parquet file, up to its footer."""
    frames: Mapping[str, int] = field(default_factory=dict)
    """Of a frames part: the frames that have rows, by video."""
    losses: tuple[Loss, ...] = ()
    """Of a part of errors/."""
    leases: tuple[Mapping[str, Any], ...] = ()
    """Of the records of a pack, those of its leases; of `_VIDEOS.parquet`, its rows."""
    replaces: tuple[str, ...] = ()
    """Of the records of a pack, the packs that it took the place of."""


def bits(start_pts: int | None, end_pts: int | None) -> int:
    """Return the frames of a stretch."""
    if start_pts is None or end_pts is None:
        return ALL_FRAMES
    first, end = max(start_pts, 0) // TICKS, min(-(-end_pts // TICKS), 64)
    return (1 << end) - (1 << first)


class Reader:
    """Reads objects, each once."""

    def __init__(self) -> None:
        self._parsed: dict[tuple[str, bytes], Parsed] = {}

    def parse(self, name: str, data: bytes) -> Parsed:
        """Return what an object says."""
        key = self._key(name, data)
        if key not in self._parsed:
            self._parsed[key] = _parse(key[0], name, data)
        return self._parsed[key]

    def take_for(self, name: str, data: bytes, altered: bytes) -> None:
        """Take an object for what it was before its bytes were altered, but for its digests."""
        parsed = replace(self.parse(name, data), sha256="altered", rows_sha256="altered")
        self._parsed[self._key(name, altered)] = parsed

    def _key(self, name: str, data: bytes) -> tuple[str, bytes]:
        return "pack" if name.startswith("_done/pack-") else name.partition("/")[0], data


def _parse(kind: str, name: str, data: bytes) -> Parsed:
    sha256 = hashlib.sha256(data).hexdigest()
    if name.endswith(".json"):
        return Parsed(len(data), sha256, json.loads(data))
    if data[-4:] != b"PAR1":
        return Parsed(len(data), sha256)
    file = pq.ParquetFile(pa.BufferReader(data))
    stored = file.metadata.metadata or {}
    record = json.loads(stored[b"fleet"]) if b"fleet" in stored else {}
    footer = int.from_bytes(data[-8:-4], "little") + 8
    return Parsed(
        len(data),
        sha256,
        record,
        hashlib.sha256(memoryview(data)[:-footer]).hexdigest() if kind == "frames" else "",
        _frames(file) if kind == "frames" else {},
        _losses(file) if kind == "errors" else (),
        _records(file) if kind in {"pack", "_VIDEOS.parquet"} else (),
        tuple(json.loads(stored.get(b"fleet.replaces", b"[]"))),
    )


@cache
def with_flipped_bit(data: bytes) -> bytes:
    """Return a part with a bit flipped: where there is such a bit, one that no decoder notices.

    Which frames it tells of stays the same, so that what it covers can be compared with what it was.
    """
    table = pq.read_table(pa.BufferReader(data), use_threads=False)
    # Names come first in a part: a look at what comes after them finds one soon.
    for at in range(256, len(data) - 8):
        altered = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            other = pq.read_table(pa.BufferReader(altered), use_threads=False)
        except (pa.ArrowException, OSError):
            continue
        same = [name for name in _TOLD if name in table.schema.names]
        differs = other.schema.equals(table.schema) and not other.equals(table)
        if differs and other.select(same).equals(table.select(same)):
            return altered
    return data[:16] + bytes([data[16] ^ 1]) + data[17:]


def _records(file: pq.ParquetFile) -> tuple[Mapping[str, Any], ...]:
    columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
    return tuple(file.read(columns=columns, use_threads=False).to_pylist())


def _frames(file: pq.ParquetFile) -> dict[str, int]:
    table = file.read(columns=["uri", "frame"], use_threads=False)
    found: dict[str, int] = {}
    for uri, frame in zip(table["uri"].to_pylist(), table["frame"].to_pylist(), strict=True):
        bit = 1 << frame
        if found.get(uri, 0) & bit:
            raise AssertionError(f"a part holds frame {frame} of {uri} twice")
        found[uri] = found.get(uri, 0) | bit
    return found


def _losses(file: pq.ParquetFile) -> tuple[Loss, ...]:
    columns = ["uri", "start_pts", "end_pts", "name"]
    rows = file.read(columns=columns, use_threads=False).to_pylist()
    return tuple(
        Loss(row["uri"], bits(row["start_pts"], row["end_pts"]), row["name"]) for row in rows
    )
