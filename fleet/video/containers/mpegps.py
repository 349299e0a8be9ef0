"""Extract the payload of one stream from an MPEG program stream (ISO/IEC 13818-1 2.5, 11172-1).

Pictures lie in PES packets of some 2 KB each, between those of sound, and may begin anywhere in
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\0\0\1\xba"
"""What a file begins with: the start code of a pack."""
_PREFIX = MAGIC[:3]
_PACK, _SYSTEM, _END = 0xBA, 0xBB, 0xB9
_PACK_BYTES, _OLD_PACK_BYTES = 14, 12
_LENGTH_BYTES = 6


@dataclass(frozen=True)
class PesPacket:
    """One PES packet of the stream."""

    offset: int
    """Where it begins."""
    start: int
    """Where its payload begins."""
    end: int
    """Where it ends, and its payload."""


def payload(data: bytes, stream_id: int) -> bytes:
    """Return what the PES packets of a stream carry, one after another; whole packets only."""
    return b"".join(data[pes.start : pes.end] for pes in packets(data, stream_id)[0])


def packets(data: bytes, stream_id: int) -> tuple[list[PesPacket], int]:
    """Return the whole PES packets of a stream, and where the last packet of any stream ends."""
    found, end = [], 0
    for offset, code, stop in _units(data):
        end = stop
        if code == stream_id:
            start = min(offset + _header_bytes(data[offset:stop]), stop)
            found.append(PesPacket(offset, start, stop))
    return found, end


def _units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield packs, system headers and PES packets as (offset, code, end), as far as they are whole.

    Where no start code follows, reading goes on at the next one.
    """
    at = data.find(_PREFIX)
    while at >= 0 and at + _LENGTH_BYTES <= len(data):
        code = data[at + 3]
        if code == _PACK:
            stop = at + _pack_bytes(data[at : at + _PACK_BYTES])
        elif code == _END:
            stop = at + 4
        elif code < _SYSTEM:  # inside of a picture: something is missing before it
            at = data.find(_PREFIX, at + 3)
            continue
        else:
            stop = at + _LENGTH_BYTES + int.from_bytes(data[at + 4 : at + 6], "big")
        if stop > len(data):
            return
        yield at, code, stop
        at = data.find(_PREFIX, stop)


def _pack_bytes(head: bytes) -> int:
    """Return how many bytes a pack's header takes, at least as many as are there."""
    if head[4] >> 6 != 1:
        return _OLD_PACK_BYTES
    return _PACK_BYTES + (head[13] & 7 if len(head) == _PACK_BYTES else 0)


def _header_bytes(pes: bytes) -> int:
    """Return how many bytes come before the payload of a PES packet."""
    at = _LENGTH_BYTES
    if len(pes) > at + 2 and pes[at] >> 6 == 2:  # MPEG-2
        return at + 3 + pes[at + 2]
    while at < len(pes) and pes[at] == 0xFF:  # MPEG-1: stuffing, buffer size, times
        at += 1
    if at < len(pes) and pes[at] >> 6 == 1:
        at += 2
    kind = pes[at] >> 4 if at < len(pes) else 0
    return at + {2: 5, 3: 10}.get(kind, 1)
