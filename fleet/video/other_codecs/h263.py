"""H.263 (ITU-T H.263 5.1) and Sorenson Spark, the codec of early Flash video: keys."""

from __future__ import annotations

from fleet.video.h26x.bits import BitReader
from fleet.video.other_codecs.facts import PacketFacts

_EXTENDED = 7
"""The source format that says that an extended picture header follows (PLUSPTYPE)."""


class H263Reader:
    """Reads packets of one picture each."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the picture header says; see `PacketReader`."""
        bits = BitReader(data[:16])
        if bits.u(22) != 0x20:
            raise ValueError("it does not begin with a picture of H.263")
        bits.skip(8 + 5)
        if bits.u(3) != _EXTENDED:
            return PacketFacts(key=bits.u(1) == 0)
        if bits.u(3) == 1:
            bits.skip(18)
        return PacketFacts(key=bits.u(3) == 0)


class FlvReader:
    """Reads packets of one picture each."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the picture header says; see `PacketReader`."""
        bits = BitReader(data[:16])
        if bits.u(17) != 1:
            raise ValueError("it does not begin with a picture of Sorenson Spark")
        bits.skip(5 + 8)
        size_code = bits.u(3)
        # The width and the height follow, in a byte or in two each.
        bits.skip({0: 16, 1: 32}.get(size_code, 0))
        return PacketFacts(key=bits.u(2) == 0)
