"""Microsoft's MPEG-4, versions 2 and 3 (DivX 3), and Windows Media Video 7 and 8: keys."""

from __future__ import annotations

from fleet.video.other_codecs.facts import PacketFacts


class MicrosoftReader:
    """Reads packets of one picture each, without start codes."""

    def __init__(self, type_bits: int) -> None:
        """Take how many bits a picture's type takes; it is 0 in a key."""
        self._shift = 8 - type_bits

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what the first bits say; see `PacketReader`."""
        return PacketFacts(key=data[0] >> self._shift == 0)
