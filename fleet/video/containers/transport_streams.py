"""Which video streams an MPEG transport stream has, those that appear in mid-stream included.

libav looks for streams in the first megabytes. A recorder that changes its programme, or joined
recordings, begin another stream anywhere (ISO/IEC 13818-1 2.4.3.7: PES packets of video streams).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from fleet.video.containers.mpegts import PACKET_BYTES, PacketLayout, TsPackets, packets_of
from fleet.video.containers.reader import RangeReader

_CHUNK_BYTES = 4 << 20
_VIDEO = range(0xE0, 0xF0)


class VideoPids:
    """The PIDs of video streams in a transport stream, each with where it begins."""

    def __init__(self) -> None:
        """Begin with none."""
        self.starts: dict[int, int] = {}
        """PID -> where to begin to read for it: at the tables before its first picture."""
        self._tables = 0

    def add(self, packets: TsPackets, offset: int) -> None:
        """Look at some packets; `offset`: where in the file the bytes begin that they lie in."""
        pids, at = packets.pids, packets.offset
        tables = at[pids == 0] + offset
        begins = _begin_video(packets.rows)
        _, first = np.unique(pids[begins], return_index=True)
        for row in begins[np.sort(first)].tolist():
            before = tables[tables < at[row] + offset]
            tables_at = int(before[-1]) if len(before) else self._tables
            self.starts.setdefault(int(pids[row]), tables_at)
        self._tables = int(tables[-1]) if len(tables) else self._tables


def _begin_video(packets: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the TS packets (u8 [n, 188]) that begin a PES packet of a video stream: int64 [m]."""
    beginning = np.flatnonzero(packets[:, 1] & 0x40)
    rows = packets[beginning]
    control = rows[:, 3] >> 4 & 3
    begin = 4 + np.where(control == 3, rows[:, 4].astype(np.int64) + 1, 0)
    fits = (control & 1 != 0) & (begin <= PACKET_BYTES - 4)
    at = np.where(fits, begin, 0)
    prefix = [np.take_along_axis(rows, (at + n)[:, None], axis=1)[:, 0] for n in range(4)]
    starts = (prefix[0] == 0) & (prefix[1] == 0) & (prefix[2] == 1)
    is_video = (prefix[3] >= _VIDEO.start) & (prefix[3] < _VIDEO.stop)
    found: NDArray[np.int64] = beginning[fits & starts & is_video]
    return found


def late_streams(
    reader: RangeReader, layout: PacketLayout, known: Collection[int]
) -> list[tuple[int, int]]:
    """Read a whole file for the video streams that libav does not see.

    `known`: the PIDs of those that it sees. Return the PIDs of the others, in the order in which
    they begin, each with where in the file reading is to begin so that its tables are met first.
    """
    pids, step = VideoPids(), layout.step
    chunk_bytes = _CHUNK_BYTES // step * step
    for offset in range(layout.start, reader.size, chunk_bytes):
        pids.add(packets_of(reader.read(offset, chunk_bytes), step), offset)
    return [(pid, start) for pid, start in pids.starts.items() if pid not in known]


class ReaderFrom:
    """A file from some offset on; see `RangeReader`."""

    def __init__(self, reader: RangeReader, start: int) -> None:
        self._reader = reader
        self._start = start

    @property
    def size(self) -> int:
        """Return how many bytes there are from the offset on."""
        return self._reader.size - self._start

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes, counted from the offset."""
        return self._reader.read(self._start + offset, length)
