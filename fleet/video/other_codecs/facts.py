"""What is known of one packet from its first bits, and of how a codec's packets are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class PacketFacts:
    """What a packet says of its picture."""

    key: bool
    """Whether decoding may begin with it."""
    shown: bool = True
    """Whether a decoder returns a picture for it."""
    between: bool = False
    """Whether its picture is shown before the reference picture that was decoded before it."""
    closed: bool = False
    """Whether pictures that are shown before this key do without those before it."""


class PacketReader(Protocol):
    """Reads a stream's packets in decode order."""

    def read(self, data: bytes, /) -> PacketFacts:
        """Return what a packet says; raise ValueError where it makes no sense."""
