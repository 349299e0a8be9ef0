"""Extract the payload of one stream from MPEG-TS packets (ISO/IEC 13818-1 2.4.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PACKET_BYTES = 188
STEPS = (188, 192)
"""Bytes from one packet to the next: plain, and with the arrival times of Blu-ray and AVCHD."""
_SYNC = 0x47
_IN_A_ROW = 5
_FULL_BEGINS = 4
"""Where payload begins in most packets, which have no other header than their own."""
_MIN_IN_A_ROW = 3  # in a file of fewer than five packets: it needs PAT, PMT and a picture


@dataclass(frozen=True, eq=False)
class StreamPackets:
    """The TS packets of one stream in some bytes, one row each."""

    offset: NDArray[np.int64]
    """Where each one begins, its arrival time included: int64 [n]."""
    payload: NDArray[np.int64]
    """How many bytes of payload it carries, without TS, adaptation and PES headers: int64 [n]."""
    end: int
    """Where the last whole packet of any stream ends, to read on from."""
    breaks: NDArray[np.int64]
    """How often, up to each one, a packet of any stream does not follow the one before: int64 [n].
    """
    carried: bytes
    """Their payload, one after another."""


@dataclass(frozen=True)
class PacketLayout:
    """How TS packets lie in a file."""

    step: int
    """Bytes from one to the next, 188 or 192."""
    start: int
    """Where the first one begins."""


def find_layout(head: bytes) -> PacketLayout | None:
    """Return how TS packets lie in a file with these first bytes; None where there are none."""
    data = np.frombuffer(head, np.uint8)
    for step in STEPS:
        lead = step - PACKET_BYTES
        for start in range(step):
            syncs = data[start + lead :: step][:_IN_A_ROW]
            enough = len(syncs) == _IN_A_ROW or len(head) - start < step * _IN_A_ROW
            if len(syncs) >= _MIN_IN_A_ROW and enough and (syncs == _SYNC).all():
                return PacketLayout(step, start)
    return None


@dataclass(frozen=True, eq=False)
class TsPackets:
    """All TS packets in some bytes, one row each."""

    rows: NDArray[np.uint8]
    """The packets, without arrival times: u8 [n, 188]."""
    offset: NDArray[np.int64]
    """Where each one begins, its arrival time included: int64 [n]."""
    step: int
    """Bytes from one to the next."""
    end: int
    """Where the last whole one ends, to read on from."""

    @property
    def pids(self) -> NDArray[np.int64]:
        """Return the number of the stream that each packet belongs to: int64 [n]."""
        return (self.rows[:, 1].astype(np.int64) & 0x1F) << 8 | self.rows[:, 2]

    @property
    def breaks(self) -> NDArray[np.int64]:
        """Return how often, up to each packet, one does not follow the one before: int64 [n].

        The first one is to begin the bytes.
        """
        follows = np.diff(self.offset, prepend=-self.step) == self.step
        return np.cumsum(~follows)


def packets_of(data: bytes, step: int) -> TsPackets:
    """Return all TS packets in `data`, which begins with one of `step` bytes (188 or 192).

    It is read to its last whole one. Where the sync byte is lost, reading goes on where two sync
    bytes lie `step` bytes apart.
    """
    offset = _packet_offsets(data, step)
    end = int(offset[-1]) + step if len(offset) else max(len(data) - step + 1, 0)
    return TsPackets(_packet_bytes(data, offset, step), offset, step, end)


def payload(data: bytes, pid: int, step: int) -> bytes:
    """Return what the TS packets of `pid` carry, headers stripped, one after another.

    `data`: see `packets_of`.
    """
    return of_stream(packets_of(data, step), pid).carried


def of_stream(packets: TsPackets, pid: int) -> StreamPackets:
    """Return those of `packets` that belong to one stream."""
    numbers = np.flatnonzero(packets.pids == pid)
    rows = packets.rows[numbers]
    begin = _payload_begins(rows, rows[:, 1:4].astype(np.int64))
    sizes = np.maximum(PACKET_BYTES - begin, 0)
    return StreamPackets(
        packets.offset[numbers], sizes, packets.end, packets.breaks[numbers], _carried(rows, begin)
    )


def _carried(rows: NDArray[np.uint8], begin: NDArray[np.int64]) -> bytes:
    """Return what packets carry, one after another; `begin`: from where on in each."""
    flat = memoryview(rows[:, _FULL_BEGINS:].tobytes())
    others = np.flatnonzero(begin != _FULL_BEGINS)
    row_starts = others * (PACKET_BYTES - _FULL_BEGINS)
    carried_from = row_starts + np.minimum(begin[others], PACKET_BYTES) - _FULL_BEGINS
    parts: list[memoryview] = []
    done = 0
    for stop, go_on in zip(row_starts.tolist(), carried_from.tolist(), strict=True):
        parts.append(flat[done:stop])
        done = go_on
    parts.append(flat[done:])
    return b"".join(parts)


def _packet_bytes(data: bytes, offset: NDArray[np.int64], step: int) -> NDArray[np.uint8]:
    flat = np.frombuffer(data, np.uint8)
    rows: NDArray[np.uint8]
    if len(offset) and offset[-1] == (len(offset) - 1) * step:
        rows = flat[: len(offset) * step].reshape(-1, step)[:, step - PACKET_BYTES :]
    else:
        rows = flat[offset[:, None] + np.arange(step - PACKET_BYTES, step)]
    return rows


def _payload_begins(rows: NDArray[np.uint8], header: NDArray[np.int64]) -> NDArray[np.int64]:
    control = header[:, 2] >> 4 & 3
    begin = 4 + np.where(control == 3, rows[:, 4].astype(np.int64) + 1, 0)
    begin[control & 1 == 0] = PACKET_BYTES
    starts = np.flatnonzero((header[:, 0] & 0x40 != 0) & (begin < PACKET_BYTES))
    # A PES header: 9 bytes, the last of which says how many more belong to it (2.4.3.6).
    length_at = np.minimum(begin[starts] + 8, PACKET_BYTES - 1)
    begin[starts] += 9 + rows[starts, length_at]
    return begin


def _packet_offsets(data: bytes, step: int) -> NDArray[np.int64]:
    lead = step - PACKET_BYTES
    flat = np.frombuffer(data, np.uint8)
    regained: NDArray[np.int64] | None = None
    parts: list[NDArray[np.int64]] = []
    start = 0
    while start + step <= len(data):
        syncs = flat[start + lead :: step][: (len(data) - start) // step]
        lost = np.flatnonzero(syncs != _SYNC)
        good = int(lost[0]) if len(lost) else len(syncs)
        parts.append(start + np.arange(good, dtype=np.int64) * step)
        start += good * step
        if len(lost):
            if regained is None:
                regained = _consistent(flat, step)
            following = np.searchsorted(regained, start + 1)
            start = int(regained[following]) if following < len(regained) else len(data)
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _consistent(flat: NDArray[np.uint8], step: int) -> NDArray[np.int64]:
    """Return where packets may begin that are followed by another one, or by the end: int64 [n]."""
    syncs = flat[step - PACKET_BYTES :] == _SYNC
    followed = np.ones(len(syncs), np.bool_)
    followed[:-step] = syncs[step:]
    return np.flatnonzero(syncs & followed)
