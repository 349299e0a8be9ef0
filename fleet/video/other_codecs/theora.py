"""Theora: keys (Theora specification, 7.1)."""

from __future__ import annotations

from fleet.video.other_codecs.facts import PacketFacts

_HEADER = 0x80
_INTER = 0x40


class TheoraReader:
    """Reads Theora frames, which are shown in the order in which they are decoded."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the first bits of a frame say; see `PacketReader`."""
        if data[0] & _HEADER:
            raise ValueError("a header of Theora is no frame")
        return PacketFacts(key=not data[0] & _INTER)
