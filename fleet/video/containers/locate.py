"""Where in the file the payload of a demuxed packet lies, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from fleet.errors import BrokenVideoError
from fleet.video.containers import mpegts
from fleet.video.containers.libav import REMUX
from fleet.video.containers.packet_rows import PacketLocation
from fleet.video.containers.reader import BlockFile

# A Matroska block begins with its track, time and flags, and with the lengths of laced frames.
_NEAR_BYTES = 4 << 10
# How far to look where bytes were left out: what a demuxer drops of damaged files.
_FAR_BYTES = 2 << 20
_CHUNK_BYTES = 1 << 20


class Locator(Protocol):
    """Finds packets in the order in which they are demuxed."""

    def place(self, position: int | None, data: bytes, /) -> PacketLocation:
        """`position`: libav's own idea; `data`: the packet.

        Where it is not found, the place is a guess, and not verbatim.
        """


class NearPosition:
    """Looks from libav's position on: MP4 and AVI have it right, Matroska gives the block's."""

    def __init__(self, file: BlockFile) -> None:
        self._file = file

    def place(self, position: int | None, data: bytes, /) -> PacketLocation:
        """See `Locator`."""
        size, start = len(data), position or 0
        found = self._file.peek(start, size + _NEAR_BYTES).find(data)
        return PacketLocation(start + max(found, 0), size, 0, size, verbatim=found >= 0)


class InSequence:
    """For raw streams, whose packets one after another are the file."""

    def __init__(self, file: BlockFile) -> None:
        self._file = file
        self._cursor = 0

    def place(self, _position: int | None, data: bytes, /) -> PacketLocation:
        """See `Locator`."""
        size, found = len(data), 0
        if self._file.peek(self._cursor, size) != data:
            found = self._file.peek(self._cursor, size + _FAR_BYTES).find(data)
        start = self._cursor + max(found, 0)
        if found >= 0:
            self._cursor = start + size
        return PacketLocation(start, size, 0, size, verbatim=found >= 0)


class InTransport:
    """For MPEG-TS, whose packets one after another are the payload of one PID."""

    def __init__(self, file: BlockFile, pid: int, grid: mpegts.PacketLayout) -> None:
        self._file = file
        self._pid = pid
        self._step = grid.step
        self._next = grid.start
        self._payload = b""
        self._begin = 0  # how much payload came before self._payload
        self._cursor = 0
        # Of TS packets: where in the file, and how much payload came before and with each.
        self._offsets = self._befores = self._ends = np.zeros(0, np.int64)

    def place(self, _position: int | None, data: bytes, /) -> PacketLocation:
        """See `Locator`."""
        start = self._find(data)
        place = self._span(self._cursor if start is None else start, len(data))
        carried = mpegts.payload(self._file.peek(place.position, place.span), self._pid, self._step)
        if start is not None:
            self._cursor = start + len(data)
            self._forget()
        verbatim = carried[place.skip : place.skip + place.size] == data
        return replace(place, verbatim=verbatim)

    def _find(self, data: bytes) -> int | None:
        """Where `data` stands in the payload, reading on as far as it takes; None if nowhere."""
        while True:
            start = self._cursor - self._begin
            if self._payload.startswith(data, start):
                return self._cursor
            found = self._payload.find(data, start)
            if found >= 0:
                return self._begin + found
            if len(self._payload) - start > len(data) + _FAR_BYTES or not self._read_on():
                return None

    def _span(self, start: int, size: int) -> PacketLocation:
        """The TS packets that carry this stretch of payload, as far as there is payload."""
        first, last = np.searchsorted(self._ends, [start, start + size - 1], side="right")
        most = len(self._offsets) - 1
        if most < 0:
            return PacketLocation(0, self._step, 0, size)
        first, last = min(int(first), most), min(int(last), most)
        offset = int(self._offsets[first])
        span = int(self._offsets[last]) + self._step - offset
        return PacketLocation(offset, span, max(start - int(self._befores[first]), 0), size)

    def _read_on(self) -> bool:
        chunk = self._file.peek(self._next, _CHUNK_BYTES // self._step * self._step)
        if len(chunk) < self._step:
            return False
        units = mpegts.units(chunk, self._pid, self._step)
        carried = mpegts.payload(chunk, self._pid, self._step)
        ends = np.cumsum(units.payload) + self._begin + len(self._payload)
        self._offsets = np.append(self._offsets, units.offset + self._next)
        self._befores = np.append(self._befores, ends - units.payload)
        self._ends = np.append(self._ends, ends)
        self._payload += carried
        self._next += units.end
        return True

    def _forget(self) -> None:
        """Let go of payload that was placed, now and then."""
        done = self._cursor - self._begin
        if done > _CHUNK_BYTES:
            self._payload = self._payload[done:]
            gone = int(np.searchsorted(self._ends, self._cursor, side="right"))
            self._offsets, self._befores = self._offsets[gone:], self._befores[gone:]
            self._ends = self._ends[gone:]
            self._begin = self._cursor


def not_verbatim(uri: str) -> BrokenVideoError:
    """The error for packets that are not in the file as they are decoded."""
    return BrokenVideoError(
        uri,
        "its pictures do not lie in it as they are decoded (compressed or stripped Matroska "
        "blocks, or damage), so they cannot be fetched one by one.",
        REMUX,
    )
