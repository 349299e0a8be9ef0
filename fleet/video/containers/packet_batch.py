"""Packets as they are demuxed, some hundreds at a time, so that they can be read together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from av.packet import Packet

from fleet.video.containers.reader import BlockFile

MOST = 1024
"""Packets that are read together."""
# Less than what a file keeps of its blocks: what is located is still there.
_MOST_BYTES = 4 << 20


class PacketBatch:
    """Some packets of a stream, one after another."""

    def __init__(self, packets: list[Packet[Any]]) -> None:
        """Take the packets, none of them empty."""
        self.packets = packets
        self.sizes = np.array([packet.size for packet in packets], np.int64)
        """How many bytes each one has: int64 [n]."""
        self.ends = np.cumsum(self.sizes)
        """Where each one ends in `data`: int64 [n]."""
        self.starts = self.ends - self.sizes
        """Where each one begins in `data`: int64 [n]."""

    def __len__(self) -> int:
        return len(self.packets)

    @cached_property
    def data(self) -> bytes:
        """What they hold, one after another."""
        return b"".join(self.packets)

    @cached_property
    def positions(self) -> list[int | None]:
        """Return where in the file each one lies by what libav says, which may not know."""
        return [packet.pos for packet in self.packets]

    def part(self, number: int) -> bytes:
        """Return what one packet holds."""
        start, end = self._borders[number : number + 2]
        return self.data[start:end]

    @cached_property
    def _borders(self) -> list[int]:
        return [0, *self.ends.tolist()]

    @property
    def is_plain(self) -> bool:
        """Return whether nothing is said beside any packet: no damage, no other configuration."""
        return not any(
            packet.is_corrupt
            # Whether there is anything beside it is asked first, which is quick.
            or (next(packet.iter_sidedata(), None) and packet.has_sidedata("new_extradata"))
            for packet in self.packets
        )


def batches(
    packets: Iterable[Packet[Any]], file: BlockFile, first: int = MOST
) -> Iterator[PacketBatch]:
    """Yield packets together that lie near each other in the file that they are demuxed from.

    `first`: how many at first; then twice as many each time, up to `MOST`. An error comes behind
    the packets before it.
    """
    held: list[Packet[Any]] = []
    begins, most = file.tell(), first
    try:
        for packet in packets:
            held.append(packet)
            if len(held) == most or abs(file.tell() - begins) > _MOST_BYTES:
                yield PacketBatch(held)
                held, begins, most = [], file.tell(), min(2 * most, MOST)
    except Exception:
        if held:
            yield PacketBatch(held)
        raise
    if held:
        yield PacketBatch(held)
