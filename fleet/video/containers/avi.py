"""AVI's index, idx1, read without the payload (the RIFF specification and AVIOLDINDEX)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.video.containers.reader import Ranges
from fleet.video.index import PacketTable

_HEAD_BYTES = 64 << 10
_TAIL_BYTES = 1 << 20
_LARGEST_INDEX_BYTES = 512 << 20
_ENTRY = np.dtype([("id", "S4"), ("flags", "<u4"), ("offset", "<u4"), ("size", "<u4")])
_KEY_FRAME = 0x10
_CHUNK_HEADER_BYTES = 8
# Two-letter codes of chunks that are no pictures: sound, palettes, text, and OpenDML's indexes.
_NO_PICTURE = (b"wb", b"pc", b"tx", b"ix")


@dataclass(frozen=True, eq=False)
class AviIndex:
    """An AVI file's index."""

    payload: int
    """Where the payload begins in the file."""
    entries: NDArray[np.void]
    """The entries of idx1, in file order, their offsets counted from the file's start."""

    def table(self, stream: int, first_pts: int) -> PacketTable:
        """Return the pictures of a stream, one tick of its time base apart.

        AVI has no pts: they count the chunks in file order, where an empty chunk repeats the
        picture before it.
        """
        kinds = self.entries["id"].copy().view("S2").reshape(-1, 2)
        wanted = kinds[:, 0] == b"%02d" % stream
        for other in _NO_PICTURE:
            wanted &= kinds[:, 1] != other
        chosen = self.entries[wanted]
        pts = first_pts + np.arange(len(chosen), dtype=np.int64)
        filled = chosen["size"] > 0
        chosen, pts = chosen[filled], pts[filled]
        size = chosen["size"].astype(np.int32)
        key = chosen["flags"] & _KEY_FRAME != 0
        return PacketTable(
            position=chosen["offset"].astype(np.int64) + _CHUNK_HEADER_BYTES,
            span=size,
            skip=np.zeros(len(chosen), np.int32),
            size=size,
            pts=pts,
            display=np.arange(len(chosen), dtype=np.int32),
            key=key,
            entry=key,
            shown=np.ones(len(chosen), np.bool_),
        )


def read_index(ranges: Ranges) -> AviIndex | None:
    """Read header and index of an AVI file; None where idx1 is missing, incomplete or wrong.

    OpenDML files past their first gigabyte have the rest of their index within the payload.
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
    if base is None or not _is_at(ranges, base, entries[-1]):
        return None
    entries["offset"] += np.uint32(base)
    return AviIndex(payload, entries)


def _find(ranges: Ranges, offset: int, kind: bytes) -> tuple[int, int] | None:
    """Return body and end of the next chunk or list of this kind within the file's first RIFF."""
    for name, body, end in _chunks(ranges, offset):
        if name == b"RIFF":
            return None
        if name == kind:
            return body, end
    return None


def _chunks(ranges: Ranges, offset: int) -> Iterator[tuple[bytes, int, int]]:
    while offset + _CHUNK_HEADER_BYTES <= ranges.size:
        rest = ranges.size - offset
        header = ranges.get(offset, 12, rest if rest <= _TAIL_BYTES else _HEAD_BYTES)
        size, body = int.from_bytes(header[4:8], "little"), offset + 8
        name = header[:4]
        if name == b"LIST":
            name, body = header[8:12], offset + 12
        end = min(offset + 8 + size, ranges.size)
        yield name, body, end
        offset = end + end % 2


def _offset_base(ranges: Ranges, payload: int, entries: NDArray[np.void]) -> int | None:
    """Return what to add to idx1's offsets, so that they count from the file's start.

    Writers count from there or from the word movi; None where neither fits the first entry.
    """
    if not len(entries):
        return None
    return next((base for base in (payload - 4, 0) if _is_at(ranges, base, entries[0])), None)


def _is_at(ranges: Ranges, base: int, entry: np.void) -> bool:
    """Return whether a chunk lies where an entry says, as none does behind bytes that are lost."""
    return ranges.get(base + int(entry["offset"]), 4) == bytes(entry["id"])
