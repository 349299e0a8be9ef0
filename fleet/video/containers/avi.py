"""AVI's index, idx1, without the payload (the RIFF specification and AVIOLDINDEX)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.containers.reader import Ranges
from fleet.video.index import PacketTable

_FRONT_BYTES = 64 << 10
_TAIL_BYTES = 1 << 20
_LARGEST_INDEX_BYTES = 512 << 20
_ENTRY = np.dtype([("id", "S4"), ("flags", "<u4"), ("offset", "<u4"), ("size", "<u4")])
_KEY_FRAME = 0x10
_CHUNK_HEADER_BYTES = 8
# Chunks of a video stream that are no pictures: sound, palettes, text, and OpenDML's own indexes.
_NO_PICTURE = (b"wb", b"pc", b"tx", b"ix")


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the payload begins, and idx1's entries with their offsets made absolute."""

    payload: int
    entries: NDArray[np.void]

    def table(self, stream: int, first_pts: int) -> PacketTable:
        """The pictures of a stream, one tick of its time base apart.

        AVI has no pts: these count chunks in file order, of which an empty one repeats the picture
        before it.
        """
        kinds = self.entries["id"].copy().view("S2").reshape(-1, 2)
        wanted = kinds[:, 0] == b"%02d" % stream
        for other in _NO_PICTURE:
            wanted &= kinds[:, 1] != other
        mine = self.entries[wanted]
        pts = first_pts + np.arange(len(mine), dtype=np.int64)
        filled = mine["size"] > 0
        mine, pts = mine[filled], pts[filled]
        size = mine["size"].astype(np.int32)
        return PacketTable(
            position=mine["offset"].astype(np.int64) + _CHUNK_HEADER_BYTES,
            span=size,
            skip=np.zeros(len(mine), np.int32),
            size=size,
            pts=pts,
            key=mine["flags"] & _KEY_FRAME != 0,
            shown=np.ones(len(mine), np.bool_),
        )


def read_layout(ranges: Ranges) -> Layout | None:
    """Read header and index of an AVI file; None where idx1 is missing or not all of it.

    OpenDML files past their first gigabyte keep the rest of their index within the payload.
    """
    movi = _find(ranges, 12, b"movi")
    if movi is None:
        return None
    payload, end = movi
    index = _find(ranges, end, b"idx1")
    if index is None or index[1] - index[0] > _LARGEST_INDEX_BYTES:
        return None
    if ranges.get(index[1], 4) == b"RIFF":
        return None
    data = ranges.get(index[0], index[1] - index[0])
    entries = np.frombuffer(data[: len(data) // _ENTRY.itemsize * _ENTRY.itemsize], _ENTRY).copy()
    base = _offset_base(ranges, payload, entries)
    if base is None:
        return None
    entries["offset"] += np.uint32(base)
    return Layout(payload, entries)


def _find(ranges: Ranges, offset: int, kind: bytes) -> tuple[int, int] | None:
    """Body and end of the next chunk or list of this kind within the file's first RIFF."""
    for name, body, end in _chunks(ranges, offset):
        if name == b"RIFF":
            return None
        if name == kind:
            return body, end
    return None


def _chunks(ranges: Ranges, offset: int) -> Iterator[tuple[bytes, int, int]]:
    while offset + _CHUNK_HEADER_BYTES <= ranges.size:
        rest = ranges.size - offset
        header = ranges.get(offset, 12, rest if rest <= _TAIL_BYTES else _FRONT_BYTES)
        size, body = int.from_bytes(header[4:8], "little"), offset + 8
        name = header[:4]
        if name == b"LIST":
            name, body = header[8:12], offset + 12
        end = min(offset + 8 + size, ranges.size)
        yield name, body, end
        offset = end + end % 2


def _offset_base(ranges: Ranges, payload: int, entries: NDArray[np.void]) -> int | None:
    """What to add to idx1's offsets: they count from the word movi, or from the file's start."""
    if not len(entries):
        return None
    first = entries[0]
    for base in (payload - 4, 0):
        if ranges.get(base + int(first["offset"]), 4) == bytes(first["id"]):
            return base
    return None
