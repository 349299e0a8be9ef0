"""Find where in the file the payload of a demuxed packet lies, byte for byte."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from fleet.errors import BrokenVideoError
from fleet.video.containers.limits import REMUX
from fleet.video.containers.packet_batch import PacketBatch
from fleet.video.containers.packet_rows import PacketLocation, PacketLocations
from fleet.video.containers.reader import BlockFile

# A Matroska block begins with its track, time and flags, and with the lengths of laced frames.
_NEAR_BYTES = 4 << 10
# Most begin within the first bytes of theirs, and few others lie before that begin alike.
_HEADER_BYTES = 64
_PREFIX_BYTES = 16
# How far to search where bytes are left out: demuxers drop some of damaged files.
_FAR_BYTES = 2 << 20
# A file in which much is searched for in vain is searched no farther than this any more.
_CLOSE_BYTES = 64 << 10
_VAIN_BYTES = 1 << 30
# What each packet that is found adds to that: damage once a second leaves a recording of any
# length as it is.
_EARNED_BYTES = 128 << 10


class Locator(Protocol):
    """Finds packets in the order in which they are demuxed."""

    def locate(self, position: int | None, data: bytes, /) -> PacketLocation:
        """Return where a packet's bytes lie; `position`: what libav says, `data`: the packet.

        Where they are not found, the location is a guess, and not verbatim.
        """

    def locate_all(self, batch: PacketBatch, /) -> PacketLocations | None:
        """Return where several packets lie, as `locate` does for one after another.

        None, with nothing changed, where it is not certain that this would find each of them: they
        are to be located one by one.
        """


class NearPosition:
    """Searches from libav's position on: right for MP4 and AVI; in Matroska it is the block's."""

    def __init__(self, file: BlockFile) -> None:
        self._file = file

    def locate(self, position: int | None, data: bytes, /) -> PacketLocation:
        """Return where a packet lies; see `Locator`."""
        size, start = len(data), position or 0
        found = self._file.peek(start, size + _NEAR_BYTES).find(data)
        return PacketLocation(start + max(found, 0), size, 0, size, verbatim=found >= 0)

    def locate_all(self, batch: PacketBatch, /) -> PacketLocations | None:
        """Return where several packets lie; see `Locator`."""
        if (found_at_once := self._in_place(batch)) is not None:
            return found_at_once
        view = memoryview(batch.data)
        found: list[int] = []
        for packet, start, end in zip(
            batch.packets, batch.starts.tolist(), batch.ends.tolist(), strict=True
        ):
            position = packet.pos or 0
            if self._file.holds(position, view[start:end]):
                found.append(position)
                continue
            near = self._file.peek(position, _HEADER_BYTES)
            place = near.find(batch.data[start : min(end, start + _PREFIX_BYTES)])
            # The first place is meant, and a packet lies nowhere before its own first bytes.
            if place < 0 or not self._file.holds(position + place, view[start:end]):
                return None
            found.append(position + place)
        return PacketLocations.alone(np.array(found, np.int64), batch.sizes)

    def _in_place(self, batch: PacketBatch) -> PacketLocations | None:
        """Return where packets lie if all do where libav says, in one block of the file."""
        positions = [position or 0 for position in batch.positions]
        first = positions[0]
        if not 0 <= first < self._file.size:
            return None
        data, base = self._file.block_at(first)
        starts = [position - base for position in positions]
        if min(starts) < 0 or not all(map(data.startswith, batch.packets, starts)):
            return None
        return PacketLocations.alone(np.array(positions, np.int64), batch.sizes, (data, base))


class Reach:
    """How far packets are searched, which depends on how much was searched in vain."""

    def __init__(self) -> None:
        self._left_bytes = _VAIN_BYTES

    @property
    def bytes(self) -> int:
        """Return how many bytes are searched beyond a packet's own size."""
        return _FAR_BYTES if self._left_bytes > 0 else _CLOSE_BYTES

    def found(self, packets: int = 1) -> None:
        """Count packets that were found."""
        self._left_bytes += packets * _EARNED_BYTES

    def missed(self, searched_bytes: int) -> None:
        """Count a packet that was not found in so many bytes."""
        self._left_bytes -= searched_bytes


class InSequence:
    """For raw streams: the file is its packets, one after another."""

    def __init__(self, file: BlockFile) -> None:
        self._file = file
        self._cursor = 0
        self._reach = Reach()

    def locate(self, _position: int | None, data: bytes, /) -> PacketLocation:
        """Return where a packet lies; see `Locator`."""
        size, found = len(data), 0
        if self._file.peek(self._cursor, size) != data:
            searched = self._file.peek(self._cursor, size + self._reach.bytes)
            found = searched.find(data)
            if found < 0:
                self._reach.missed(len(searched))
        start = self._cursor + max(found, 0)
        if found >= 0:
            self._cursor = start + size
            self._reach.found()
        return PacketLocation(start, size, 0, size, verbatim=found >= 0)

    def locate_all(self, batch: PacketBatch, /) -> PacketLocations | None:
        """Return where several packets lie; see `Locator`."""
        if not self._file.holds(self._cursor, batch.data):
            return None
        starts = self._cursor + batch.starts
        self._cursor += len(batch.data)
        self._reach.found(len(batch))
        return PacketLocations.alone(starts, batch.sizes)


def not_verbatim(uri: str) -> BrokenVideoError:
    """Return the error for packets that are not in the file as they are decoded."""
    return BrokenVideoError(
        uri,
        "its pictures do not lie in it as they are decoded (compressed or stripped Matroska "
        "blocks, or damage), so they cannot be fetched one by one.",
        REMUX,
    )
