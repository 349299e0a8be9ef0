"""Boxes of MP4 and QuickTime, and whether an index of them can be believed (ISO 14496-12 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.errors import BrokenVideo

_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
# Tables of entries of so many bytes, behind their version and flags and their count.
_TABLES = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4, b"stps": 4}
_RUN_FIELDS = (0x100, 0x200, 0x400, 0x800)
_RUN_SIZE = 0x200
_LARGEST_SAMPLE_BYTES = 256 << 20


@dataclass(frozen=True)
class Box:
    """A box: its type, and where it, its body and what follows it begin."""

    kind: bytes
    start: int
    body: int
    end: int


def box_at(header: bytes, offset: int, parent_end: int) -> Box | None:
    """Read a box's header, 16 bytes of it where there are as many; None where it is none."""
    size, kind, body = int.from_bytes(header[:4], "big"), header[4:8], offset + 8
    if size == 1:
        size, body = int.from_bytes(header[8:16], "big"), offset + 16
    elif size == 0:
        size = parent_end - offset
    if len(header) < 8 or offset + size < body:
        return None
    return Box(kind, offset, body, offset + size)


def check_index(uri: str, data: bytes, file_bytes: int) -> None:
    """Refuse what a few damaged bytes of a moov or moof box can claim and would fill the memory.

    Raises BrokenVideo for boxes that do not fit into each other, tables that do not fit into their
    box, more samples than the file has bytes, and samples of more than 256 MiB.
    """
    try:
        for box in _leaves(data, 0, len(data)):
            _check(box.kind, data[box.body : box.end], file_bytes)
    except ValueError as error:
        way_out = "The file is damaged: copy it again from where it came."
        raise BrokenVideo(uri, f"its index makes no sense: {error}.", way_out) from error


def _leaves(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        box = box_at(data[start : start + 16], start, end)
        if box is None or box.end > end:
            raise ValueError("a box is larger than the one around it")
        if box.kind in _PARENTS:
            yield from _leaves(data, box.body, box.end)
        else:
            yield box
        start = box.end


def _check(kind: bytes, body: bytes, file_bytes: int) -> None:
    if kind in _TABLES:
        _check_table(kind, body, file_bytes)
    elif kind == b"stsz":
        _check_sizes(body, file_bytes)
    elif kind == b"trun":
        _check_run(body, file_bytes)
    elif kind == b"tkhd":
        at = 20 if body[:1] == b"\1" else 12
        if body[at : at + 1] > b"\x7f":
            raise ValueError("a track's number is negative")


def _check_table(kind: bytes, body: bytes, file_bytes: int) -> None:
    entries = body[8:]
    _check_room(kind, int.from_bytes(body[4:8], "big") * _TABLES[kind], len(entries))
    if kind in {b"stts", b"ctts"}:
        _check_count(int(_words(entries)[::2].sum(dtype=np.int64)), file_bytes)


def _check_sizes(body: bytes, file_bytes: int) -> None:
    constant, count = int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")
    _check_room(b"stsz", 0 if constant else count * 4, len(body) - 12)
    _check_count(count, file_bytes)
    _check_largest(constant or int(_words(body[12:]).max(initial=0)))


def _check_run(body: bytes, file_bytes: int) -> None:
    flags, count = int.from_bytes(body[1:4], "big"), int.from_bytes(body[4:8], "big")
    fields = [field for field in _RUN_FIELDS if flags & field]
    start = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    _check_room(b"trun", count * 4 * len(fields), len(body) - start)
    _check_count(count, file_bytes)
    if _RUN_SIZE in fields:
        sizes = _words(body[start:])[fields.index(_RUN_SIZE) :: len(fields)]
        _check_largest(int(sizes.max(initial=0)))


def _check_room(kind: bytes, wanted: int, there: int) -> None:
    if wanted > there:
        name = kind.decode("latin-1")
        raise ValueError(f"its {name} table claims {wanted:,} bytes and has {there:,}")


def _check_count(count: int, file_bytes: int) -> None:
    if count > file_bytes:
        raise ValueError(f"it lists {count:,} samples, and the whole file has {file_bytes:,} bytes")


def _check_largest(sample_bytes: int) -> None:
    if sample_bytes > _LARGEST_SAMPLE_BYTES:
        raise ValueError(f"a sample takes {sample_bytes:,} bytes")


def _words(data: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(data[: len(data) // 4 * 4], ">u4")
