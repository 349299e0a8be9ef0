"""VP8 and VP9: keys, and packets that only serve decoding.

VP8: RFC 6386 9.1. VP9: the bitstream specification 6.2 (uncompressed header) and annex B
(superframes). An encoder packs a hidden picture into one packet with the next shown one; where it
does not, that packet gives no picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.video.h26x.bits import BitReader
from fleet.video.other_codecs.facts import PacketFacts

_HEADER_BYTES = 4
_VP8_START = b"\x9d\x01\x2a"


class Vp8Reader:
    """Reads VP8 frames."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what a frame tag says; see `PacketReader`."""
        bits = data[0]
        if not bits & 1 and data[3:6] != _VP8_START:
            raise ValueError("no key of VP8 begins like this")
        return PacketFacts(key=not bits & 1, shown=bool(bits & 0x10))


class Vp9Reader:
    """Reads VP9 frames and superframes."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the frames of a packet say; see `PacketReader`."""
        frames = [_frame(frame) for frame in _frames(data)]
        return PacketFacts(frames[0].key, any(frame.shown for frame in frames))


def _frame(data: bytes) -> PacketFacts:
    bits = BitReader(data[:_HEADER_BYTES])
    if bits.u(2) != 2:
        raise ValueError("no frame of VP9 begins like this")
    if bits.flag() + 2 * bits.flag() == 3:
        bits.u(1)
    if bits.flag():  # show_existing_frame
        return PacketFacts(key=False)
    is_inter, shown = bits.flag(), bits.flag()
    return PacketFacts(not is_inter, shown)


def _frames(data: bytes) -> Iterator[bytes]:
    """Yield the frames of a packet: several where it ends with a superframe's index."""
    marker = data[-1]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = data[-2 - count * width :]
    if marker & 0xE0 != 0xC0 or len(index) != 2 + count * width or index[0] != marker:
        yield data
        return
    start = 0
    for number in range(count):
        at = 1 + number * width
        size = int.from_bytes(index[at : at + width], "little")
        if size:
            yield data[start : start + size]
        start += size
