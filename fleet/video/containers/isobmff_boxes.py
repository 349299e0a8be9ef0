"""Boxes of MP4 and QuickTime, and checks that an index made of them is sound (ISO 14496-12 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.errors import BrokenVideoError, NotAVideoError
from fleet.video.containers.limits import MAX_PACKET_BYTES, MAX_SAMPLES

_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"moof", b"traf"}
# Tables, and the bytes of one entry; version, flags and a count come before the entries.
_TABLES = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4, b"stps": 4}
_SIZED = {*_TABLES, b"stsz", b"stz2", b"trun"}
# Boxes that hold others, but no table; libav would take a table from there as well.
_WITHOUT_TABLES = {
    b"udta",
    b"edts",
    b"mvex",
    b"tref",
    b"meta",
    b"ilst",
    b"sinf",
    b"schi",
    b"wave",
    b"gmhd",
}
_DEEPEST = 10
_MATRICES = {b"mvhd": 36, b"tkhd": 40}
"""Boxes with a matrix, and where it lies in those of version 0; in version 1, 12 bytes further."""
_AS_STORED = b"".join(
    number.to_bytes(4, "big") for number in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
)
"""The matrix that leaves pictures as they are."""
_RUN_FIELDS = (0x100, 0x200, 0x400, 0x800)
_RUN_SIZE = 0x200
_SELF_CONTAINED = 1


class Box(NamedTuple):
    """A box."""

    kind: bytes
    """Its type, four bytes."""
    start: int
    """Where its header begins."""
    body: int
    """Where its contents begin."""
    end: int
    """The first byte past it."""


@dataclass
class _Track:
    """What the boxes of a track say, gathered one by one."""

    samples: int = 0
    """How many samples it lists."""
    sound: bool = False
    one_tick: bool = False
    """Whether all samples last one tick, as those of uncompressed sound do."""
    external: bool = False
    """Whether its samples lie in other files."""

    @property
    def entries(self) -> int:
        """Return how many entries libav makes of it; uncompressed sound it takes in chunks."""
        return 0 if self.sound and self.one_tick else self.samples


@dataclass
class IndexCheck:
    """Refuses an index that claims more than its file can hold and would fill the memory.

    A few damaged bytes of a header can do so. `add` takes each moov and moof box of the file.
    """

    uri: str
    file_bytes: int
    """How many bytes the file has."""
    turns: bool = field(default=False, init=False)
    """Whether any matrix turns, mirrors, scales or moves pictures, or anything is cropped."""
    _listed: int = field(default=0, init=False)

    def add(self, data: bytes) -> None:
        """Check one box of the top level.

        Raises BrokenVideoError for boxes that do not fit into each other, tables that do not fit
        into their box or lie in one where they do not belong, more samples than the file has bytes
        or than MAX_SAMPLES over all tracks, and samples of more than 64 MiB; NotAVideoError where
        the pictures lie in other files.
        """
        try:
            tracks = self._tracks(data)
            self.turns |= b"clap" in data or _has_turn(data)
            self._listed += sum(track.entries for track in tracks)
            self._check_count(self._listed)
        except ValueError as error:
            way_out = "The file is damaged: copy it again from where it came."
            message = f"its index makes no sense: {error}."
            raise BrokenVideoError(self.uri, message, way_out) from error
        if any(track.external and not track.sound for track in tracks):
            raise NotAVideoError(
                self.uri,
                "it is a QuickTime reference movie: its pictures lie in other files, which Fleet "
                "does not open.",
                "Make it whole where those are: `ffmpeg -i in.mov -c copy out.mov`.",
            )

    def _tracks(self, data: bytes) -> list[_Track]:
        tracks = [_Track()]  # for boxes outside any track
        for box in _boxes(data, 0, len(data)):
            if box.kind in {b"trak", b"traf"}:
                tracks.append(_Track())
            elif box.kind not in _PARENTS:
                self._take(tracks[-1], box.kind, data[box.body : box.end])
        return tracks

    def _take(self, track: _Track, kind: bytes, body: bytes) -> None:
        if kind in _TABLES:
            self._take_table(track, kind, body)
        elif kind == b"stsz":
            track.samples = max(track.samples, self._sizes(body))
        elif kind == b"trun":
            track.samples += self._run(body)
        elif kind == b"hdlr":
            track.sound = body[8:12] == b"soun"
        elif kind in {b"dref", b"rmra"}:
            track.external = kind == b"rmra" or _is_external(body)
        elif kind in _CHECKS:
            _CHECKS[kind](body)
        else:
            _check_stray(kind, body)

    def _take_table(self, track: _Track, kind: bytes, body: bytes) -> None:
        entries = body[8:]
        count = int.from_bytes(body[4:8], "big")
        _check_room(kind, count * _TABLES[kind], len(entries))
        if kind in {b"stts", b"ctts"}:
            counts = _words(entries)[::2]
            samples = int(counts.sum(dtype=np.int64))
            self._check_count(samples, maximum=self.file_bytes)
            if kind == b"stts":
                track.samples = max(track.samples, samples)
                track.one_tick = count == 1 and entries[4:8] == b"\0\0\0\1"

    def _sizes(self, body: bytes) -> int:
        constant, count = int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")
        _check_room(b"stsz", 0 if constant else count * 4, len(body) - 12)
        self._check_count(count, maximum=self.file_bytes)
        _check_largest(constant or int(_words(body[12:]).max(initial=0)))
        return count

    def _run(self, body: bytes) -> int:
        flags, count = int.from_bytes(body[1:4], "big"), int.from_bytes(body[4:8], "big")
        fields = [item for item in _RUN_FIELDS if flags & item]
        start = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
        _check_room(b"trun", count * 4 * len(fields), len(body) - start)
        self._check_count(count, maximum=self.file_bytes)
        if _RUN_SIZE in fields:
            sizes = _words(body[start:])[fields.index(_RUN_SIZE) :: len(fields)]
            _check_largest(int(sizes.max(initial=0)))
        return count

    def _check_count(self, count: int, maximum: int = MAX_SAMPLES) -> None:
        if count > self.file_bytes:
            has = f"the whole file has {self.file_bytes:,} bytes"
            raise ValueError(f"it lists {count:,} samples, and {has}")
        if count > maximum:
            raise ValueError(
                f"it lists {count:,} samples, more than the {maximum:,} that are taken"
            )


def box_at(header: bytes, offset: int, parent_end: int) -> Box | None:
    """Return the box with this header; None where the bytes are no header.

    `header`: 16 bytes, fewer only at the end. `offset`: where it begins. `parent_end`: where a box
    without a size ends.
    """
    size, kind, body = int.from_bytes(header[:4], "big"), header[4:8], offset + 8
    if size == 1:
        size, body = int.from_bytes(header[8:16], "big"), offset + 16
    elif size == 0:
        size = parent_end - offset
    if len(header) < 8 or offset + size < body:
        return None
    return Box(kind, offset, body, offset + size)


def _boxes(data: bytes, start: int, end: int, depth: int = 0) -> Iterator[Box]:
    """Yield every box, each one before those that it holds."""
    if depth > _DEEPEST:
        raise ValueError(f"its boxes are more than {_DEEPEST} deep in each other")
    while start + 8 <= end:
        box = box_at(data[start : start + 16], start, end)
        if box is None or box.end > end:
            raise ValueError("a box is larger than the one around it")
        yield box
        if box.kind in _PARENTS:
            yield from _boxes(data, box.body, box.end, depth + 1)
        start = box.end


def _is_external(body: bytes) -> bool:
    """Return whether a dref box names other files.

    Some writers leave out the flag that says there is none; their names are empty.
    """
    entries = (box for box in _boxes(body, 8, len(body)))
    return any(
        not int.from_bytes(body[box.body : box.body + 4], "big") & _SELF_CONTAINED
        and body[box.body + 4 : box.end].strip(b"\0")
        for box in entries
    )


def _check_stray(kind: bytes, body: bytes, depth: int = 0) -> None:
    """Raise ValueError for a table in a box where none belongs, but a demuxer would find it."""
    found = set()
    if kind == b"stsd":
        found = {table for table in _SIZED if table in body}
    elif kind in _WITHOUT_TABLES and depth < _DEEPEST:
        for inner, content in _lenient_boxes(body, 4 if kind == b"meta" else 0):
            found |= {inner} & _SIZED
            _check_stray(inner, content, depth + 1)
    for table in sorted(found):
        name, where = table.decode(), kind.decode("latin-1")
        raise ValueError(f"there is a table {name} in its box {where}")


def _lenient_boxes(body: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield boxes and their bodies up to the first bytes that are no box, as writers put there."""
    while start + 8 <= len(body):
        box = box_at(body[start : start + 16], start, len(body))
        if box is None:
            return
        yield box.kind, body[box.body : box.end]
        start = box.end


def _has_turn(data: bytes) -> bool:
    """Return whether any matrix does not leave pictures as they are.

    It is looked for by name alone: libav takes it from boxes that nobody would look into, such as
    the user data of a track.
    """
    for kind, place in _MATRICES.items():
        found = data.find(kind)
        while found >= 0:
            body = found + len(kind)
            at = body + place + (12 if data[body : body + 1] == b"\1" else 0)
            if data[at : at + len(_AS_STORED)] != _AS_STORED:
                return True
            found = data.find(kind, body)
    return False


def _check_clock(body: bytes) -> None:
    at = 20 if body[:1] == b"\1" else 12
    ticks = int.from_bytes(body[at : at + 4], "big")
    if not 0 < ticks < 1 << 31:
        raise ValueError(f"its clock ticks {ticks:,} times a second")


def _check_number(body: bytes) -> None:
    at = 20 if body[:1] == b"\1" else 12
    if body[at : at + 1] > b"\x7f":
        raise ValueError("a track's number is negative")


def _refuse_compressed(_: bytes) -> None:
    raise ValueError("it is compressed, as QuickTime 3 could do it")


_CHECKS: dict[bytes, Callable[[bytes], None]] = {
    b"mdhd": _check_clock,
    b"mvhd": _check_clock,
    b"tkhd": _check_number,
    b"cmov": _refuse_compressed,
}


def _check_room(kind: bytes, claimed: int, available: int) -> None:
    if claimed > available:
        name = kind.decode("latin-1")
        raise ValueError(f"its {name} table claims {claimed:,} bytes and has {available:,}")


def _check_largest(sample_bytes: int) -> None:
    if sample_bytes > MAX_PACKET_BYTES:
        raise ValueError(f"a sample takes {sample_bytes:,} bytes")


def _words(data: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(data[: len(data) // 4 * 4], ">u4")
