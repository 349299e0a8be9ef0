"""Find the packets of one track in Matroska and WebM, by the headers of their blocks (RFC 9559)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fleet.video.containers.limits import MAX_PACKET_BYTES
from fleet.video.containers.reader import BlockFile
from fleet.video.walked import ebml
from fleet.video.walked.matroska_header import (
    BESIDE_CLUSTERS,
    CLUSTER,
    CRC_32,
    VOID,
    Header,
    check_end,
    check_rest,
)
from fleet.video.walked.stretch import Stretch, UnusualError

_TIMESTAMP, _POSITION, _PREVIOUS_SIZE = 0xE7, 0xA7, 0xAB
_SIMPLE_BLOCK, _BLOCK_GROUP = 0xA3, 0xA0
_BLOCK, _DURATION, _REFERENCE = 0xA1, 0x9B, 0xFB
_LACED, _KEY = 0x06, 0x80
_LARGEST_TIME = 1 << 48
# More than the headers of a block, of its element and of the group that it is in.
_WINDOW_BYTES = 64
# Elements that are not blocks alone take time, which no file may ask for at will.
_BYTES_AN_ELEMENT, _FREE_ELEMENTS = 32, 4096
_ONE_BYTE_TRACKS = 127
_TIME_AND_FLAGS_BYTES = 3


class _Found:
    """The blocks of a track that begin in one block of the file."""

    def __init__(self, data: bytes, base: int) -> None:
        self.data, self.base = data, base
        self.positions: list[int] = []
        self.sizes: list[int] = []
        self.times: list[int] = []
        self.keys: list[bool] = []

    def stretch(self, begin: int, end: int, data: bytes, base: int) -> Stretch:
        """Return some of them; `data`, `base`: where they lie."""
        return Stretch(
            data,
            base,
            np.array(self.positions[begin:end], np.int64),
            np.array(self.sizes[begin:end], np.int64),
            np.array(self.times[begin:end], np.int64),
            np.array(self.keys[begin:end], np.bool_),
        )


class Clusters:
    """Goes from block to block; raises UnusualError for all that is not plain."""

    def __init__(self, file: BlockFile, header: Header, track: int) -> None:
        """Take a file, what its header says, and the number of the track that is wanted."""
        if track not in header.tracks:
            raise UnusualError("its packets are of no track")
        self._file = file
        self._tracks = header.tracks
        self._track = track
        self._short_track = 0x80 | track if track < _ONE_BYTE_TRACKS else -1
        self._at, self._end = header.clusters, header.clusters
        """Where the next element begins, and where the cluster ends that it is in."""
        self._is_open = False
        """Whether the cluster ends where another one begins."""
        self._latest = header.clusters
        """Where the last element begins that is whole, or the cluster that it is in."""
        self._time = -1
        """The cluster's time; -1 where it has not come."""
        self._elements = -_FREE_ELEMENTS

    def stretches(self) -> Iterator[Stretch]:
        """Yield the packets, those that begin in one block of the file at a time."""
        size = self._file.size
        while self._at < size:
            found = _Found(*self._file.block_at(self._at))
            stop = found.base + len(found.data)
            while self._at < stop and self._is_inside():
                before = self._at
                self._take_simple_blocks(found)
                if self._at == before < self._end:
                    self._take_element(found)
            yield from self._together(found)

    def _together(self, found: _Found) -> Iterator[Stretch]:
        """Yield packets together; the last one may go on in the file's next block."""
        count = len(found.positions)
        stop = found.base + len(found.data)
        whole = count - (count > 0 and found.positions[-1] + found.sizes[-1] > stop)
        if whole:
            yield found.stretch(0, whole, found.data, found.base)
        if whole < count:
            position = found.positions[-1]
            data = self._file.peek(position, found.sizes[-1])
            yield found.stretch(whole, count, data, position)

    def _is_inside(self) -> bool:
        """Return whether there may be blocks; go into a cluster, and over what lies before it."""
        if self._at < self._end and not self._is_open:
            return True
        header = self._header()
        if header is None:
            return False
        kind, size, header_bytes = header
        if self._at < self._end and kind != CLUSTER and kind not in BESIDE_CLUSTERS:
            return True
        if kind == VOID and size != ebml.UNKNOWN:
            following = self._at + header_bytes + size
            if following > self._file.size:
                check_end(self._file, self._latest)
            self._latest = self._at
            self._at = self._end = min(following, self._file.size)
            return True
        if kind != CLUSTER:
            check_rest(self._file, self._at, self._latest)
            self._at = self._file.size
            return False
        self._latest = self._at
        self._at += header_bytes
        self._is_open = size == ebml.UNKNOWN
        # Where the file ends in the middle of a cluster, what is whole in it counts.
        self._end = self._file.size if self._is_open else min(self._at + size, self._file.size)
        self._time = -1
        return True

    def _end_early(self) -> None:
        """End where the file ends in the middle of an element."""
        check_end(self._file, self._latest)
        self._at = self._end = self._file.size

    def _header(self) -> tuple[int, int, int] | None:
        """Return the header of the next element; None, and the end, where the file ends in it."""
        data = self._ahead()
        try:
            return ebml.element(data, 0)
        except UnusualError:
            if len(data) >= ebml.HEADER_BYTES:
                raise
            self._end_early()
            return None

    def _ahead(self, at: int | None = None) -> bytes:
        """Return the bytes with the header of an element: of the next one, or of the one at `at`.

        Raises UnusualError where there were too many for so few bytes.
        """
        self._elements += 1
        if self._elements * _BYTES_AN_ELEMENT > self._at:
            raise UnusualError("it is made of small elements")
        return self._file.peek(self._at if at is None else at, _WINDOW_BYTES)

    def _take_simple_blocks(self, found: _Found) -> None:
        """Take what most clusters are made of, up to anything else."""
        data, at, track, time = found.data, self._at - found.base, self._short_track, self._time
        end = self._end - found.base
        last = min(end, len(data)) - _WINDOW_BYTES
        latest = self._latest - found.base
        others = {0x80 | number for number in self._tracks if number < _ONE_BYTE_TRACKS}
        lengths, least = ebml.LENGTHS, -time
        while at < last and data[at] == _SIMPLE_BLOCK and time >= 0:
            begin = at + 1 + lengths[data[at + 1]]
            marker = 1 << 7 * (begin - at - 1)
            size = int.from_bytes(data[at + 1 : begin], "big") - marker
            flags, following = data[begin + 3], begin + size
            if following > end or not 5 <= size < marker - 1 or data[begin] not in others:
                break
            if flags & _LACED:
                break
            if data[begin] == track:
                ahead = int.from_bytes(data[begin + 1 : begin + 3], "big", signed=True)
                if ahead < least or size > MAX_PACKET_BYTES:
                    break
                found.positions.append(found.base + begin + 4)
                found.sizes.append(size - 4)
                found.times.append(time + ahead)
                found.keys.append(flags & _KEY != 0)
            latest, at = at, following
        self._at = at + found.base
        self._latest = latest + found.base

    def _take_element(self, found: _Found) -> None:
        """Take one element of a cluster."""
        header = self._header()
        if header is None:
            return
        kind, size, begin = header
        following = self._at + begin + size
        if size == ebml.UNKNOWN or following > self._end < self._file.size:
            raise UnusualError("an element does not end in the cluster that it is in")
        if following > self._end:
            self._end_early()
            return
        data = self._file.peek(self._at, _WINDOW_BYTES)
        if kind == _SIMPLE_BLOCK:
            self._take_block(found, self._at + begin, size, None)
        elif kind == _BLOCK_GROUP:
            self._take_group(found, self._at + begin, following)
        elif kind == _TIMESTAMP and self._time < 0:
            self._time = ebml.unsigned(data[begin : begin + size])
            if self._time > _LARGEST_TIME:
                raise UnusualError("the time of a cluster makes no sense")
        elif kind in {_POSITION, _PREVIOUS_SIZE}:
            ebml.unsigned(data[begin : begin + size])
        elif kind not in {VOID, CRC_32}:
            raise UnusualError(f"there is an element {kind:#x} in a cluster")
        self._latest, self._at = self._at, following

    def _take_group(self, found: _Found, at: int, end: int) -> None:
        """Take a block in a group, with what is said beside it."""
        block: tuple[int, int] | None = None
        refers = False
        while at < end:
            data = self._ahead(at)
            kind, size, begin = ebml.element(data, 0)
            if size == ebml.UNKNOWN or at + begin + size > end:
                raise UnusualError("an element does not end in the group that it is in")
            if kind == _BLOCK and block is None:
                block = at + begin, size
            elif kind in {_DURATION, _REFERENCE}:
                ebml.unsigned(data[begin : begin + size])
                refers |= kind == _REFERENCE
            elif kind not in {VOID, CRC_32}:
                raise UnusualError(f"there is an element {kind:#x} in a group")
            at += begin + size
        if block is None:
            raise UnusualError("there is a group without a block")
        self._take_block(found, *block, not refers)

    def _take_block(self, found: _Found, at: int, size: int, key: bool | None) -> None:
        """Take a block; `key`: whether decoding may begin there; None: its flags say so."""
        data = self._file.peek(at, _WINDOW_BYTES)
        track, begin = ebml.number(data, 0)
        payload = begin + _TIME_AND_FLAGS_BYTES
        if track not in self._tracks or payload >= size:
            raise UnusualError("a block is of no track, or empty")
        flags = data[begin + 2]
        if flags & _LACED:
            raise UnusualError("a block holds several packets")
        if track != self._track:
            return
        ahead = int.from_bytes(data[begin : begin + 2], "big", signed=True)
        if self._time < 0 or self._time + ahead < 0 or size > MAX_PACKET_BYTES:
            raise UnusualError("a block is too large, or has no time")
        found.positions.append(at + payload)
        found.sizes.append(size - payload)
        found.times.append(self._time + ahead)
        found.keys.append(flags & _KEY != 0 if key is None else key)
