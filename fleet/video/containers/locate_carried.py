"""Find packets that other bytes carry: in MPEG-TS, MPEG program streams and Ogg."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fleet.video.containers import mpegps, mpegts, ogg
from fleet.video.containers.locate import Reach
from fleet.video.containers.packet_batch import PacketBatch
from fleet.video.containers.packet_rows import PacketLocation, PacketLocations
from fleet.video.containers.reader import BlockFile
from fleet.video.containers.transport_streams import VideoPids

_CHUNK_BYTES = 1 << 20


class InTransport:
    """For MPEG-TS: the payload of one PID is the packets, one after another."""

    def __init__(self, file: BlockFile, pid: int, layout: mpegts.PacketLayout) -> None:
        self._file = file
        self._pid = pid
        self._step = layout.step
        self._next = layout.start
        self._payload = b""
        self._payload_start = 0  # how many bytes of payload came before self._payload
        self._cursor = 0
        self._reach = Reach()
        self.video = VideoPids()
        """The video streams in what was read so far."""
        # Of each packet: where it lies in the file, and where its payload starts and ends.
        self._offsets = self._stops = np.zeros(0, np.int64)
        self._starts = self._ends = np.zeros(0, np.int64)
        # How often packets of any stream do not lie one behind another, up to each.
        self._breaks = np.zeros(0, np.int64)
        self._break = 0

    def locate(self, _position: int | None, data: bytes, /) -> PacketLocation:
        """Return where a packet lies; see `Locator`."""
        start = self._find(data)
        location = self._span(self._cursor if start is None else start, len(data))
        carrying = self._file.peek(location.position, location.span)
        carried = self._payload_of(carrying)
        if start is not None:
            self._cursor = start + len(data)
            self._reach.found()
            self._forget()
        verbatim = carried[location.skip : location.skip + location.size] == data
        return replace(location, verbatim=verbatim)

    def locate_all(self, batch: PacketBatch, /) -> PacketLocations | None:
        """Return where several packets lie; see `Locator`."""
        while len(self._payload) + self._payload_start < self._cursor + len(batch.data):
            if not self._read_on():
                return None
        if not self._payload.startswith(batch.data, self._cursor - self._payload_start):
            return None
        starts = self._cursor + batch.starts
        first = np.searchsorted(self._ends, starts, side="right")
        last = np.searchsorted(self._ends, starts + batch.sizes - 1, side="right")
        # A packet is fetched by itself, and TS packets are then looked for from its first one on.
        if (self._breaks[first] != self._breaks[last]).any():
            return None
        position, skip = self._offsets[first], starts - self._starts[first]
        span = self._stops[last] - position
        self._cursor += len(batch.data)
        self._reach.found(len(batch))
        self._forget()
        return PacketLocations(position, span, skip, batch.sizes)

    def _find(self, data: bytes) -> int | None:
        """Return where `data` lies in the payload, reading on up to a limit; None if nowhere."""
        start = searched = self._cursor - self._payload_start
        most = len(data) + self._reach.bytes
        while True:
            if self._payload.startswith(data, start):
                return self._cursor
            found = self._payload.find(data, searched, start + most)
            if found >= 0:
                return self._payload_start + found
            left = len(self._payload) - start
            if left > most or not self._read_on():
                self._reach.missed(min(left, most))
                return None
            searched = max(start, start + left - len(data) + 1)

    def _span(self, start: int, size: int) -> PacketLocation:
        """Return the TS packets that carry a stretch of payload, cut where the payload ends."""
        first, last = np.searchsorted(self._ends, [start, start + size - 1], side="right")
        last_row = len(self._offsets) - 1
        if last_row < 0:
            return PacketLocation(0, self._step, 0, size)
        first, last = min(int(first), last_row), min(int(last), last_row)
        offset = int(self._offsets[first])
        span = int(self._stops[last]) - offset
        return PacketLocation(offset, span, max(start - int(self._starts[first]), 0), size)

    def _read_on(self) -> bool:
        chunk = self._chunk()
        if not chunk:
            return False
        packets = mpegts.packets_of(chunk, self._step)
        self.video.add(packets, self._next)
        found = mpegts.of_stream(packets, self._pid)
        self._append(found.offset, found.offset + self._step, found.payload)
        self._breaks = np.append(self._breaks, found.breaks + self._break)
        self._break += int(packets.breaks[-1]) if len(packets.offset) else 1
        self._payload += found.carried
        self._next += found.end
        return True

    def read_to_end(self, on_chunk: Callable[[], None]) -> None:
        """Look for video streams behind the last packet too; `on_chunk` is called now and then."""
        while chunk := self._chunk():
            packets = mpegts.packets_of(chunk, self._step)
            self.video.add(packets, self._next)
            self._next += packets.end
            on_chunk()

    def _chunk(self) -> bytes:
        """Return the next bytes of the file; none where these hold no whole packet."""
        chunk = self._file.peek(self._next, _CHUNK_BYTES // self._step * self._step)
        return chunk if len(chunk) >= self._step else b""

    def _payload_of(self, data: bytes) -> bytes:
        return mpegts.payload(data, self._pid, self._step)

    def _append(
        self, offset: NDArray[np.int64], stop: NDArray[np.int64], payload: NDArray[np.int64]
    ) -> None:
        """Note packets of a chunk: where they lie in it, and how many bytes each carries."""
        ends = np.cumsum(payload) + self._payload_start + len(self._payload)
        self._offsets = np.append(self._offsets, offset + self._next)
        self._stops = np.append(self._stops, stop + self._next)
        self._starts = np.append(self._starts, ends - payload)
        self._ends = np.append(self._ends, ends)

    def _forget(self) -> None:
        """Drop payload that was located, once there is a chunk of it."""
        done = self._cursor - self._payload_start
        if done > _CHUNK_BYTES:
            self._payload = self._payload[done:]
            dropped = int(np.searchsorted(self._ends, self._cursor, side="right"))
            self._offsets, self._stops = self._offsets[dropped:], self._stops[dropped:]
            self._starts, self._ends = self._starts[dropped:], self._ends[dropped:]
            self._breaks = self._breaks[dropped:]
            self._payload_start = self._cursor


class InProgram(InTransport):
    """For MPEG program streams: the payload of one stream is the packets, one after another."""

    def __init__(self, file: BlockFile, stream_id: int) -> None:
        super().__init__(file, stream_id, mpegts.PacketLayout(step=1, start=0))

    def locate_all(self, _batch: PacketBatch, /) -> PacketLocations | None:
        """Return None: packets are located one by one; see `Locator`."""
        return None

    def _read_on(self) -> bool:
        chunk = self._file.peek(self._next, _CHUNK_BYTES)
        found, end = self._packets(chunk)
        if not end:
            # Of damage as long as a chunk, some is kept: a packet may begin in it.
            self._next += _CHUNK_BYTES // 2
            return len(chunk) == _CHUNK_BYTES
        rows = np.array([(p.offset, p.end, p.end - p.start) for p in found], np.int64)
        self._append(*rows.reshape(-1, 3).T)
        self._payload += self._payload_of(chunk)
        self._next += end
        return True

    def _packets(self, chunk: bytes) -> tuple[Sequence[mpegps.PesPacket | ogg.Page], int]:
        return mpegps.packets(chunk, self._pid)

    def _payload_of(self, data: bytes) -> bytes:
        return mpegps.payload(data, self._pid)


class InOgg(InProgram):
    """For Ogg: the payload of one stream's pages is the packets, one after another."""

    def _packets(self, chunk: bytes) -> tuple[Sequence[mpegps.PesPacket | ogg.Page], int]:
        return ogg.pages(chunk, self._pid)

    def _payload_of(self, data: bytes) -> bytes:
        return ogg.payload(data, self._pid)
